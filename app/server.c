#include "app/server.h"

#include "app/handlers.h"
#include "app/reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <zlib.h>

/* So much of a body too large is read, and not a byte kept. */
#define DRAIN_MAX (4 * (uint64_t)APP_BODY_MAX)

/* Descriptors that are not connections: files, listeners, epoll. */
#define SPARE_DESCRIPTORS 32

bool app_request_wait(struct app_request *request)
{
    struct app_service *service = request->service;
    atomic_fetch_add(&service->waiting, 1);
    if (atomic_load(&service->is_refusing)) {
        atomic_fetch_sub(&service->waiting, 1);
        return false;
    }
    MHD_suspend_connection(request->connection);
    return true;
}

void app_request_wake(struct app_request *request)
{
    /* After the resume the request may be gone. */
    struct app_service *service = request->service;
    MHD_resume_connection(request->connection);
    atomic_fetch_sub(&service->waiting, 1);
}

/*
 * Whether to refuse a body before it was read, which costs the connection. Otherwise it is read
 * first, so that the sender meets the 413 and not a reset; unless it asked beforehand, or there is
 * too much of it.
 */
static bool is_refused_unread(struct MHD_Connection *connection)
{
    uint64_t len;
    const char *text =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    const char *expect =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT);
    /* What libmicrohttpd let through is a number; one that we cannot read is too long. */
    return text != NULL &&
           app_text_parse_u64(text, expect == NULL ? DRAIN_MAX : APP_BODY_MAX, &len) != 0;
}

static enum MHD_Result begin(struct app_service *service, struct MHD_Connection *connection,
                             const char *url, const char *method, void **state)
{
    struct app_request *request = calloc(1, sizeof(*request));
    if (request == NULL) {
        return MHD_NO;
    }
    request->service = service;
    request->connection = connection;
    *state = request;
    atomic_fetch_add(&service->active, 1);
    app_handlers_choose(request, url, method);
    if (is_refused_unread(connection)) {
        return app_reply_error(request, MHD_HTTP_CONTENT_TOO_LARGE, "a body of 16 MiB at most");
    }
    return MHD_YES;
}

static enum MHD_Result take_body(struct app_request *request, const char *bytes, size_t len)
{
    if (request->route == APP_ROUTE_IMPORT && request->body_len + len <= APP_IMPORT_MAX) {
        if (request->import_body == NULL) {
            request->import_body = calloc(1, APP_IMPORT_MAX + 1);
        }
        if (request->import_body == NULL) {
            return MHD_NO;
        }
        memcpy(request->import_body + request->body_len, bytes, len);
    }
    request->body_len += len;
    request->body_crc = (uint32_t)crc32_z(request->body_crc, (const unsigned char *)bytes, len);
    return request->body_len > DRAIN_MAX ? MHD_NO : MHD_YES;
}

/* The type is libmicrohttpd's. NOLINTNEXTLINE(readability-function-size) */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **state)
{
    struct app_request *request = *state;
    (void)version;
    if (request == NULL) {
        return begin(context, connection, url, method, state);
    }
    if (*upload_data_size > 0) {
        size_t len = *upload_data_size;
        *upload_data_size = 0;
        return take_body(request, upload_data, len);
    }
    return app_handlers_run(request);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct app_service *service = context;
    struct app_request *request = *state;
    (void)connection;
    (void)code;
    if (request == NULL) {
        return;
    }
    *state = NULL;
    free(request->import_body);
    free(request);
    atomic_fetch_sub(&service->active, 1);
}

static unsigned limit_connections(const struct app_options *options)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur == RLIM_INFINITY ||
        limit.rlim_cur >= (rlim_t)options->max_connections + SPARE_DESCRIPTORS) {
        return options->max_connections;
    }
    return limit.rlim_cur > (rlim_t)2 * SPARE_DESCRIPTORS
               ? (unsigned)limit.rlim_cur - SPARE_DESCRIPTORS
               : SPARE_DESCRIPTORS;
}

int app_server_start(struct app_service *service, int fd, struct MHD_Daemon **ret_daemon)
{
    /* Strict: a proxy in front of us must not get away with a request that is not quite right. */
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request,
        service, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, service,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)service->options->idle_timeout_s,
        MHD_OPTION_CONNECTION_LIMIT, limit_connections(service->options),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)APP_HEAD_MAX, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
    if (daemon == NULL) {
        return -EIO;
    }
    *ret_daemon = daemon;
    return 0;
}

unsigned app_server_count_connections(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info == NULL ? 0 : info->num_connections;
}
