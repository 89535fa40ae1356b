/* A subscriber on libmosquitto with nothing behind it: the ceiling that bench/wire.py compares the ingestor with.
 *
 *   cc -O2 -o subscriber bench/subscriber.c -lmosquitto && ./subscriber PORT USER PASSWORD FILTER COUNT
 *
 * MQTT 5, QoS 1, acknowledging as it goes. Prints "ready" once subscribed; ends after COUNT messages and prints how many
 * came, the seconds from the first to the last, and the CPU seconds it took.
 */
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static const char *filter;
static long wanted, received;
static double first, last;

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static double cpu_seconds(void)
{
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_utime.tv_usec * 1e-6 + u.ru_stime.tv_sec + u.ru_stime.tv_usec * 1e-6;
}

static void on_connect(struct mosquitto *m, void *data, int reason)
{
  (void)data;
  if (reason) exit(2);
  mosquitto_subscribe(m, NULL, filter, 1);
}

static void on_subscribe(struct mosquitto *m, void *data, int mid, int count, const int *granted)
{
  (void)m, (void)data, (void)mid, (void)count, (void)granted;
  printf("ready\n");
  fflush(stdout);
}

static void on_message(struct mosquitto *m, void *data, const struct mosquitto_message *message)
{
  (void)data, (void)message;
  last = now();
  if (received++ == 0) first = last;
  if (received >= wanted) mosquitto_disconnect(m);
}

int main(int argc, char **argv)
{
  if (argc != 6) return 2;
  mosquitto_lib_init();
  filter = argv[4];
  wanted = atol(argv[5]);
  struct mosquitto *m = mosquitto_new(argv[2], true, NULL);
  mosquitto_username_pw_set(m, argv[2], argv[3]);
  mosquitto_int_option(m, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
  mosquitto_int_option(m, MOSQ_OPT_RECEIVE_MAXIMUM, 65535);
  mosquitto_connect_callback_set(m, on_connect);
  mosquitto_subscribe_callback_set(m, on_subscribe);
  mosquitto_message_callback_set(m, on_message);
  if (mosquitto_connect(m, "127.0.0.1", atoi(argv[1]), 60)) return 1;
  double started = now();
  while (received < wanted && now() - started < 300)
    if (mosquitto_loop(m, 1000, 1)) break;
  printf("%ld %.6f %.6f\n", received, last - first, cpu_seconds());
  return 0;
}
