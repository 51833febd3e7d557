#include "app/reply.h"

#include "app/body.h"
#include "app/page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct app_identity app_reply_identify(const struct app_request *request)
{
    const struct app_options *options = request->service->options;
    return (struct app_identity){options->version, options->build, options->name, false, 0};
}

static enum MHD_Result queue(struct app_request *request, struct MHD_Response *response,
                             const struct app_reply *reply)
{
    const struct app_options *options = request->service->options;
    char visits[32];
    if (response == NULL) {
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Served-By", options->name);
    MHD_add_response_header(response, "X-Version", options->version);
    MHD_add_response_header(response, "X-Build", options->build);
    if (reply->has_visits) {
        (void)snprintf(visits, sizeof(visits), "%" PRIu64, reply->visits);
        MHD_add_response_header(response, "X-Visits", visits);
        MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept");
    }
    if (reply->allow != NULL) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, reply->allow);
    }
    if (reply->status == MHD_HTTP_SERVICE_UNAVAILABLE) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    }
    if (atomic_load(&request->service->is_stopping)) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    enum MHD_Result result = MHD_queue_response(request->connection, reply->status, response);
    MHD_destroy_response(response);
    if (result == MHD_YES) {
        app_metrics_add(&request->service->metrics, request->route, reply->status);
    }
    return result;
}

enum MHD_Result app_reply_send(struct app_request *request, const struct app_reply *reply)
{
    size_t len = strlen(reply->text);
    struct MHD_Response *response;
    if (request->draw.slow_body_ms > 0) {
        struct app_body_plan plan = {.connection = request->connection,
                                     .delay = &request->service->delay,
                                     .slow_ms = request->draw.slow_body_ms,
                                     .text = reply->text,
                                     .len = len};
        response = app_body_new_response(&plan);
    } else {
        /* libmicrohttpd copies; its prototype only lacks the const. */
        union {
            const char *read_only;
            void *any;
        } text = {.read_only = reply->text};
        response = MHD_create_response_from_buffer(len, text.any, MHD_RESPMEM_MUST_COPY);
    }
    return queue(request, response, reply);
}

enum MHD_Result app_reply_error(struct app_request *request, unsigned status, const char *why)
{
    char buffer[2048];
    struct app_text text;
    struct app_identity identity = app_reply_identify(request);
    app_text_init(&text, buffer, sizeof(buffer));
    app_page_add_identity(&identity, &text);
    app_text_add(&text, ",\"error\":");
    app_text_add_json(&text, why);
    app_text_add(&text, "}\n");
    struct app_reply reply = {.status = status, .content_type = "application/json", .text = buffer};
    return app_reply_send(request, &reply);
}

enum MHD_Result app_reply_pattern(struct app_request *request, uint64_t len, bool is_chunked)
{
    struct app_reply reply = {.status = MHD_HTTP_OK, .content_type = "text/plain"};
    struct app_body_plan plan = {.connection = request->connection,
                                 .delay = &request->service->delay,
                                 .slow_ms = request->draw.slow_body_ms,
                                 .len = len,
                                 .is_chunked = is_chunked};
    return queue(request, app_body_new_response(&plan), &reply);
}

/* On the store's thread. */
static void on_committed(struct app_store_job *job)
{
    struct app_request *request =
        (struct app_request *)(void *)((char *)job - offsetof(struct app_request, job));
    app_request_wake(request);
}

enum MHD_Result app_reply_commit(struct app_request *request)
{
    request->stage = APP_STAGE_COMMITTED;
    request->job.on_done = on_committed;
    if (!app_request_wait(request)) {
        return app_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping");
    }
    app_store_submit(&request->service->store, &request->job);
    return MHD_YES;
}

enum MHD_Result app_reply_fail_write(struct app_request *request, const char *what)
{
    char why[256];
    (void)snprintf(why, sizeof(why), "%s: %s", what, strerror(-request->job.error));
    return app_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, why);
}
