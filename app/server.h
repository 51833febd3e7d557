/*
 * server: the connections of the service, on one libmicrohttpd thread.
 *
 * Not for what the answers say (handlers.h). Nothing on that thread waits: a request that needs the
 * disk or a delay is suspended and comes back when it is done, while others go on.
 * Shape: one struct app_request from the head of a request to the end of its answer.
 * Limits: bodies APP_BODY_MAX; heads APP_HEAD_MAX.
 * Errors: start returns -EIO when libmicrohttpd refuses. Ownership: the server frees requests.
 * Threads: start, close_listener and stop from main; app_request_* as they say.
 */
#ifndef APP_SERVER_H
#define APP_SERVER_H

#include "app/delay.h"
#include "app/faults.h"
#include "app/metrics.h"
#include "app/options.h"
#include "app/store.h"

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define APP_BODY_MAX (16u << 20)
#define APP_HEAD_MAX (128u << 10)
#define APP_IMPORT_MAX 4096

/* All that requests share. */
struct app_service {
    const struct app_options *options;
    struct app_store store;
    struct app_delay delay;
    struct app_faults faults;
    struct app_metrics metrics;
    atomic_bool is_stopping; /* not ready; every answer closes its connection */
    atomic_bool is_refusing; /* the grace is over: nobody may wait any more */
    atomic_uint active;      /* requests whose head is there and whose answer is not out */
    atomic_uint waiting;     /* those of them that wait for the disk or a delay */
};

/* Where a request stands; it only moves down this list. */
enum app_stage { APP_STAGE_BODY, APP_STAGE_DELAYED, APP_STAGE_READY, APP_STAGE_COMMITTED };

struct app_request {
    struct app_service *service;
    struct MHD_Connection *connection;
    enum app_stage stage;
    enum app_route route;
    const struct app_handler *handler; /* NULL: no such path or method */
    uint64_t bytes_wanted;             /* N of /bytes/N */
    uint64_t body_len;
    uint32_t body_crc;
    char *import_body; /* NULL until a byte of it came; terminated */
    char transfer_id[APP_TRANSFER_ID_SIZE];
    struct app_faults_draw draw;
    struct app_store_job job;
    struct app_delay_item item;
};

/* Takes over fd. */
int app_server_start(struct app_service *service, int fd, struct MHD_Daemon **ret_daemon);

/* Suspends the request until app_request_wake. false: it is too late to wait, answer at once. Only
 * from a handler, which then tells whoever will wake it and returns MHD_YES. */
bool app_request_wait(struct app_request *request);

/* The handler runs again, on the server thread. Any thread, once per wait. */
void app_request_wake(struct app_request *request);

/* Open connections; from any thread, good for deciding whether to wait on. */
unsigned app_server_count_connections(struct MHD_Daemon *daemon);

#endif
