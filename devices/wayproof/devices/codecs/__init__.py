"""Payload codecs: bytes of a device to readings. The topic says which codec reads them."""
