#include "app/handlers.h"

#include "app/import.h"
#include "app/page.h"
#include "app/reply.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define METRICS_SIZE 65536
#define BYTES_PREFIX "/bytes/"
#define BYTES_MAX (UINT64_C(1) << 40)

static uint64_t read_visits(const struct app_request *request)
{
    struct app_store_snapshot snapshot;
    app_store_read(&request->service->store, &snapshot);
    return snapshot.visits;
}

static enum MHD_Result send_page(struct app_request *request, struct app_identity identity)
{
    char buffer[APP_PAGE_SIZE];
    struct app_text text;
    enum app_page_kind kind = app_page_choose(
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT));
    struct app_reply reply = {.status = MHD_HTTP_OK,
                              .content_type = app_page_content_type(kind),
                              .text = buffer,
                              .has_visits = identity.has_visits,
                              .visits = identity.visits};
    identity = app_page_spoil(identity, request->draw.wrong_field);
    app_text_init(&text, buffer, sizeof(buffer));
    app_page_render(kind, &identity, &text);
    return app_reply_send(request, &reply);
}

static enum MHD_Result send_count(struct app_request *request, uint64_t visits)
{
    struct app_identity identity = app_reply_identify(request);
    identity.has_visits = true;
    identity.visits = visits;
    return send_page(request, identity);
}

static enum MHD_Result show_count(struct app_request *request)
{
    return send_count(request, read_visits(request));
}

static enum MHD_Result show_version(struct app_request *request)
{
    return send_page(request, app_reply_identify(request));
}

static enum MHD_Result count_visit(struct app_request *request)
{
    if (request->stage != APP_STAGE_COMMITTED) {
        return app_reply_commit(request);
    }
    return request->job.error == 0 ? send_count(request, request->job.visits)
                                   : app_reply_fail_write(request, "the visit was not counted");
}

static enum MHD_Result echo_size(struct app_request *request)
{
    char buffer[2048];
    struct app_text text;
    struct app_identity identity = app_reply_identify(request);
    app_text_init(&text, buffer, sizeof(buffer));
    app_page_add_identity(&identity, &text);
    app_text_add(&text, ",\"bytes\":%" PRIu64 ",\"crc32\":\"%08" PRIx32 "\"}\n", request->body_len,
                 request->body_crc);
    struct app_reply reply = {
        .status = MHD_HTTP_OK, .content_type = "application/json", .text = buffer};
    return app_reply_send(request, &reply);
}

static enum MHD_Result send_bytes(struct app_request *request)
{
    const char *chunked =
        MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "chunked");
    if (request->bytes_wanted > BYTES_MAX) {
        return app_reply_error(request, MHD_HTTP_BAD_REQUEST,
                               "expected /bytes/N with N from 0 to 1099511627776");
    }
    return app_reply_pattern(request, request->bytes_wanted,
                             chunked != NULL && strcmp(chunked, "1") == 0);
}

static enum MHD_Result send_line(struct app_request *request, unsigned status, const char *line)
{
    struct app_reply reply = {
        .status = status, .content_type = "text/plain; charset=utf-8", .text = line};
    return app_reply_send(request, &reply);
}

static enum MHD_Result say_healthy(struct app_request *request)
{
    return send_line(request, MHD_HTTP_OK, "ok\n");
}

/* NULL: ready. */
static const char *find_unready_reason(struct app_service *service)
{
    struct app_store_snapshot snapshot;
    app_store_read(&service->store, &snapshot);
    if (atomic_load(&service->is_stopping)) {
        return "not ready: stopping\n";
    }
    if (app_faults_is_never_ready(&service->faults)) {
        return "not ready: fault never_ready\n";
    }
    return snapshot.error != 0 ? "not ready: the last write failed\n" : NULL;
}

static enum MHD_Result say_ready(struct app_request *request)
{
    const char *reason = find_unready_reason(request->service);
    return reason == NULL ? send_line(request, MHD_HTTP_OK, "ready\n")
                          : send_line(request, MHD_HTTP_SERVICE_UNAVAILABLE, reason);
}

static enum MHD_Result show_metrics(struct app_request *request)
{
    char buffer[METRICS_SIZE];
    struct app_text text;
    struct app_store_snapshot snapshot;
    struct app_identity identity = app_reply_identify(request);
    app_store_read(&request->service->store, &snapshot);
    app_text_init(&text, buffer, sizeof(buffer));
    app_metrics_render(&request->service->metrics, &identity, &snapshot,
                       find_unready_reason(request->service) == NULL, &text);
    struct app_reply reply = {.status = MHD_HTTP_OK,
                              .content_type = "text/plain; version=0.0.4; charset=utf-8",
                              .text = buffer};
    return app_reply_send(request, &reply);
}

static enum MHD_Result send_icon(struct app_request *request)
{
    char buffer[512];
    struct app_text text;
    struct app_identity identity = app_reply_identify(request);
    app_text_init(&text, buffer, sizeof(buffer));
    app_page_render_icon(&identity, &text);
    struct app_reply reply = {
        .status = MHD_HTTP_OK, .content_type = "image/svg+xml", .text = buffer};
    return app_reply_send(request, &reply);
}

/* HEAD / shows the count that GET / would have, less one: it does not count. */
static const struct app_handler handlers[] = {
    {"/", "GET", count_visit, APP_ROUTE_VISIT, false},
    {"/", "HEAD", show_count, APP_ROUTE_VISIT, false},
    {"/", "POST", echo_size, APP_ROUTE_VISIT, false},
    {"/count", "GET, HEAD", show_count, APP_ROUTE_COUNT, false},
    {"/version", "GET, HEAD", show_version, APP_ROUTE_VERSION, false},
    {"/healthz", "GET, HEAD", say_healthy, APP_ROUTE_HEALTHZ, true},
    {"/readyz", "GET, HEAD", say_ready, APP_ROUTE_READYZ, true},
    {"/metrics", "GET, HEAD", show_metrics, APP_ROUTE_METRICS, true},
    {"/favicon.ico", "GET, HEAD", send_icon, APP_ROUTE_FAVICON, true},
    {"/import", "POST", app_import_run, APP_ROUTE_IMPORT, false},
    {"/echo-size", "POST, PUT", echo_size, APP_ROUTE_ECHO_SIZE, false},
    {BYTES_PREFIX, "GET, HEAD", send_bytes, APP_ROUTE_BYTES, false},
};

#define HANDLER_COUNT (sizeof(handlers) / sizeof(handlers[0]))

static bool has_method(const char *methods, const char *method)
{
    size_t len = strlen(method);
    const char *found = strstr(methods, method);
    return len > 0 && strcspn(method, ", ") == len && found != NULL &&
           (found == methods || found[-1] == ' ') && (found[len] == ',' || found[len] == '\0');
}

static bool has_path(const struct app_handler *handler, const char *url)
{
    if (handler->route != APP_ROUTE_BYTES) {
        return strcmp(url, handler->path) == 0;
    }
    return strncmp(url, BYTES_PREFIX, sizeof(BYTES_PREFIX) - 1) == 0;
}

void app_handlers_choose(struct app_request *request, const char *url, const char *method)
{
    request->route = APP_ROUTE_OTHER;
    for (size_t i = 0; i < HANDLER_COUNT; i++) {
        if (has_path(&handlers[i], url)) {
            request->route = handlers[i].route;
            if (has_method(handlers[i].methods, method)) {
                request->handler = &handlers[i];
            }
        }
    }
    if (request->route == APP_ROUTE_BYTES &&
        app_text_parse_u64(url + sizeof(BYTES_PREFIX) - 1, BYTES_MAX, &request->bytes_wanted) !=
            0) {
        request->bytes_wanted = UINT64_MAX;
    }
}

static enum MHD_Result refuse(struct app_request *request)
{
    char allowed[64];
    struct app_text text;
    if (request->route == APP_ROUTE_OTHER) {
        return app_reply_error(request, MHD_HTTP_NOT_FOUND, "no such page");
    }
    app_text_init(&text, allowed, sizeof(allowed));
    for (size_t i = 0; i < HANDLER_COUNT; i++) {
        if (handlers[i].route == request->route) {
            app_text_add(&text, "%s%s", text.len > 0 ? ", " : "", handlers[i].methods);
        }
    }
    struct app_reply reply = {.status = MHD_HTTP_METHOD_NOT_ALLOWED,
                              .content_type = "text/plain; charset=utf-8",
                              .text = "method not allowed\n",
                              .allow = allowed};
    return app_reply_send(request, &reply);
}

/* On the delay's thread. */
static void on_delayed(struct app_delay_item *item)
{
    struct app_request *request =
        (struct app_request *)(void *)((char *)item - offsetof(struct app_request, item));
    app_request_wake(request);
}

/* Before anything else, so that a fault looks like a service that is slow or dies at once. */
static bool is_delayed_by_fault(struct app_request *request)
{
    request->stage = APP_STAGE_DELAYED;
    if (request->handler == NULL || request->handler->is_probed) {
        return false;
    }
    request->draw = app_faults_draw(&request->service->faults);
    if (request->draw.crash) {
        kill(getpid(), SIGKILL);
    }
    if (request->draw.latency_ms == 0 || !app_request_wait(request)) {
        return false;
    }
    request->item.on_due = on_delayed;
    app_delay_add(&request->service->delay, &request->item, request->draw.latency_ms);
    return true;
}

enum MHD_Result app_handlers_run(struct app_request *request)
{
    if (request->stage == APP_STAGE_BODY && is_delayed_by_fault(request)) {
        return MHD_YES;
    }
    if (request->body_len > APP_BODY_MAX) {
        return app_reply_error(request, MHD_HTTP_CONTENT_TOO_LARGE, "a body of 16 MiB at most");
    }
    if (request->handler == NULL) {
        return refuse(request);
    }
    if (request->draw.error_status != 0) {
        return app_reply_error(request, request->draw.error_status, "fault error_rate");
    }
    return request->handler->run(request);
}
