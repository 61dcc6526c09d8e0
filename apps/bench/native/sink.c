// What the C client makes of the same work: publishes a payload COUNT times into a stream, pipelined and acknowledged.
// usage: sink URL SUBJECT COUNT < payload; prints milliseconds and CPU milliseconds.
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define IN_FLIGHT 4096

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static double cpu_ms(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static void check(natsStatus status, const char *what) {
  if (status == NATS_OK) return;
  fprintf(stderr, "%s: %s\n", what, natsStatus_GetText(status));
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  static char payload[1 << 20];
  size_t size = fread(payload, 1, sizeof payload, stdin);
  long count = atol(argv[3]);
  natsConnection *connection = NULL;
  jsCtx *js = NULL;
  jsOptions options;
  check(natsConnection_ConnectTo(&connection, argv[1]), "connect");
  check(jsOptions_Init(&options), "options");
  options.PublishAsync.MaxPending = IN_FLIGHT;
  options.PublishAsync.StallWait = 10000;
  check(natsConnection_JetStream(&js, connection, &options), "jetstream");
  double started = now_ms(), used = cpu_ms();
  for (long i = 0; i < count; i++) check(js_PublishAsync(js, argv[2], payload, (int)size, NULL), "publish");
  check(js_PublishAsyncComplete(js, NULL), "acknowledgements");
  printf("%f %f\n", now_ms() - started, cpu_ms() - used);
  jsCtx_Destroy(js);
  natsConnection_Destroy(connection);
  nats_Close();
  return 0;
}
