// What the C client makes of the same work: publishes payloads in turn, COUNT in all, into a stream, pipelined and
// acknowledged. usage: sink URL SUBJECT STREAM COUNT < payloads, each behind its length (4 bytes, little endian); prints
// milliseconds and CPU milliseconds.
#include <nats/nats.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define IN_FLIGHT 4096
#define MAX_PAYLOADS (1 << 20)

struct payload {
  char *bytes;
  uint32_t size;
};

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

static void on_refused(jsCtx *js, jsPubAckErr *refused, void *closure) {
  (void)js, (void)closure;
  check(refused->Err, "acknowledgement");
}

static long read_payloads(struct payload *payloads) {
  long n = 0;
  for (unsigned char head[4]; n < MAX_PAYLOADS && fread(head, 1, sizeof head, stdin) == sizeof head; n++) {
    uint32_t size = head[0] | head[1] << 8 | head[2] << 16 | (uint32_t)head[3] << 24;
    char *bytes = malloc(size);
    if (bytes == NULL || fread(bytes, 1, size, stdin) != size) exit(1);
    payloads[n] = (struct payload){bytes, size};
  }
  return n;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  static struct payload payloads[MAX_PAYLOADS];
  long given = read_payloads(payloads), count = atol(argv[4]);
  if (given == 0) return 2;
  natsConnection *connection = NULL;
  jsCtx *js = NULL;
  jsOptions options;
  jsPubOptions expect;
  check(natsConnection_ConnectTo(&connection, argv[1]), "connect");
  check(jsOptions_Init(&options), "options");
  options.PublishAsync.MaxPending = IN_FLIGHT;
  options.PublishAsync.StallWait = 10000;
  options.PublishAsync.ErrHandler = on_refused;
  check(natsConnection_JetStream(&js, connection, &options), "jetstream");
  check(jsPubOptions_Init(&expect), "options");
  expect.ExpectStream = argv[3];
  double started = now_ms(), used = cpu_ms();
  for (long i = 0; i < count; i++) {
    struct payload *one = &payloads[i % given];
    check(js_PublishAsync(js, argv[2], one->bytes, (int)one->size, &expect), "publish");
  }
  check(js_PublishAsyncComplete(js, NULL), "acknowledgements");
  printf("%f %f\n", now_ms() - started, cpu_ms() - used);
  jsCtx_Destroy(js);
  natsConnection_Destroy(connection);
  nats_Close();
  return 0;
}
