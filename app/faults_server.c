#include "app/faults_server.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 4096
#define IDLE_SECONDS 60

struct fault_request {
    bool is_begun; /* the head is there */
    bool is_too_long;
    bool crash;
    size_t len;
    char text[TEXT_MAX + 1]; /* the query, or the body if there is none */
    bool has_query;
};

/* The only place where libmicrohttpd shows the query as it came. */
static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct fault_request *request = calloc(1, sizeof(*request));
    const char *query = strchr(uri, '?');
    (void)context;
    (void)connection;
    if (request == NULL || query == NULL || query[1] == '\0') {
        return request;
    }
    request->has_query = true;
    request->len = strlen(query + 1);
    request->is_too_long = request->len > TEXT_MAX;
    if (!request->is_too_long) {
        memcpy(request->text, query + 1, request->len);
    }
    return request;
}

static void take_body(struct fault_request *request, const char *bytes, size_t len)
{
    if (request->has_query) {
        return;
    }
    if (len > TEXT_MAX - request->len || memchr(bytes, '\0', len) != NULL) {
        request->is_too_long = true;
        return;
    }
    memcpy(request->text + request->len, bytes, len);
    request->len += len;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              struct app_text *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(text->len, text->data, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, PUT, POST, DELETE");
    }
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_error(struct MHD_Connection *connection, unsigned status,
                                    const char *why)
{
    char buffer[1024];
    struct app_text text;
    app_text_init(&text, buffer, sizeof(buffer));
    app_text_add(&text, "{\"error\":");
    app_text_add_json(&text, why);
    app_text_add(&text, "}\n");
    return answer(connection, status, &text);
}

static bool is_one_of(const char *method, const char *a, const char *b)
{
    return strcmp(method, a) == 0 || strcmp(method, b) == 0;
}

static enum MHD_Result run(struct app_faults *faults, struct MHD_Connection *connection,
                           const char *url, const char *method, struct fault_request *request)
{
    char buffer[1024];
    struct app_text text;
    /* A page that somebody looks at must not be able to break the service of its reader. */
    if (MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ORIGIN) != NULL) {
        return answer_error(connection, MHD_HTTP_FORBIDDEN, "not for web pages");
    }
    if (strcmp(url, "/") != 0) {
        return answer_error(connection, MHD_HTTP_NOT_FOUND, "there is only /");
    }
    if (is_one_of(method, "PUT", "POST")) {
        unsigned status = 0;
        app_text_init(&text, buffer, sizeof(buffer));
        if (request->is_too_long) {
            status = MHD_HTTP_CONTENT_TOO_LARGE;
            app_text_add(&text, "text of 4096 bytes at most");
        } else if (app_faults_set(faults, request->text, &request->crash, &text) != 0) {
            status = MHD_HTTP_BAD_REQUEST;
        }
        if (status != 0) {
            return answer_error(connection, status, buffer);
        }
    } else if (strcmp(method, "DELETE") == 0) {
        app_faults_reset(faults);
    } else if (!is_one_of(method, "GET", "HEAD")) {
        return answer_error(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET, PUT, POST or DELETE");
    }
    app_text_init(&text, buffer, sizeof(buffer));
    app_faults_show(faults, &text);
    return answer(connection, MHD_HTTP_OK, &text);
}

/* The type is libmicrohttpd's. NOLINTNEXTLINE(readability-function-size) */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **state)
{
    struct fault_request *request = *state;
    (void)version;
    if (request == NULL) {
        return MHD_NO;
    }
    if (!request->is_begun) {
        request->is_begun = true;
        return MHD_YES;
    }
    if (*upload_data_size > 0) {
        take_body(request, upload_data, *upload_data_size);
        *upload_data_size = 0;
        return MHD_YES;
    }
    return run(context, connection, url, method, request);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct fault_request *request = *state;
    (void)context;
    (void)connection;
    (void)code;
    if (request != NULL && request->crash) {
        kill(getpid(), SIGKILL); /* as a crash is: nothing is finished or closed */
    }
    free(request);
    *state = NULL;
}

int app_faults_server_start(struct app_faults *faults, int fd, struct MHD_Daemon **ret_daemon)
{
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, faults, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        NULL, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_LIMIT,
        16u, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (daemon == NULL) {
        return -EIO;
    }
    *ret_daemon = daemon;
    return 0;
}
