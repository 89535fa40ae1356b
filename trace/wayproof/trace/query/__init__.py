"""The query language of EPCIS 2.0 (§8.2.7): what is indexed of an event, and what a reader may ask of it."""
