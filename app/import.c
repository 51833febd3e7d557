#include "app/import.h"

#include "app/fields.h"
#include "app/page.h"
#include "app/reply.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static enum MHD_Result answer_import(struct app_request *request)
{
    char buffer[2048];
    struct app_text text;
    const struct app_store_job *job = &request->job;
    struct app_identity identity = app_reply_identify(request);
    switch (job->error) {
    case 0:
        break;
    case -EEXIST:
        return app_reply_error(request, MHD_HTTP_CONFLICT,
                               "this transfer was taken with another number of visits");
    case -EOVERFLOW:
        return app_reply_error(request, MHD_HTTP_CONFLICT, "the sum does not fit into 64 bits");
    case -E2BIG:
        return app_reply_error(request, MHD_HTTP_INSUFFICIENT_STORAGE,
                               "as many transfers as can be remembered were taken");
    default:
        return app_reply_fail_write(request,
                                    "the import is not durable yet, repeat it with the same id");
    }
    identity.has_visits = true;
    identity.visits = job->visits;
    app_text_init(&text, buffer, sizeof(buffer));
    app_page_add_identity(&identity, &text);
    app_text_add(&text, ",\"transfer\":\"%s\",\"imported\":%" PRIu64 ",\"applied\":%s}\n",
                 job->transfer_id, job->amount, job->was_new ? "true" : "false");
    struct app_reply reply = {.status = MHD_HTTP_OK,
                              .content_type = "application/json",
                              .text = buffer,
                              .has_visits = true,
                              .visits = job->visits};
    return app_reply_send(request, &reply);
}

static int take_import_field(void *context, const char *name, const char *value,
                             const char **ret_problem)
{
    struct app_request *request = context;
    if (strcmp(name, "transfer") == 0 && request->job.transfer_id == NULL) {
        *ret_problem = "transfer: expected 1 to 64 letters, digits and . _ : -";
        if (!app_transfer_is_id(value)) {
            return -EINVAL;
        }
        memcpy(request->transfer_id, value, strlen(value) + 1);
        request->job.transfer_id = request->transfer_id;
        return 0;
    }
    if (strcmp(name, "visits") == 0 && request->job.amount == 0) {
        *ret_problem = "visits: expected a whole number from 1 on";
        int error = app_text_parse_u64(value, UINT64_MAX, &request->job.amount);
        return error == 0 && request->job.amount == 0 ? -EINVAL : error;
    }
    *ret_problem = "expected transfer and visits, each once";
    return -EINVAL;
}

enum MHD_Result app_import_run(struct app_request *request)
{
    const char *why = "expected {\"transfer\":\"ID\",\"visits\":N}";
    if (!request->service->options->allow_import) {
        return app_reply_error(request, MHD_HTTP_FORBIDDEN,
                               "imports are off; --allow-import turns them on");
    }
    if (request->stage == APP_STAGE_COMMITTED) {
        return answer_import(request);
    }
    if (request->body_len > APP_IMPORT_MAX) {
        return app_reply_error(request, MHD_HTTP_CONTENT_TOO_LARGE,
                               "an import of 4096 bytes at most");
    }
    /* A NUL would end the text before its end. */
    if (request->import_body == NULL || strlen(request->import_body) != request->body_len ||
        app_fields_parse(request->import_body, take_import_field, request, &why) != 0 ||
        request->job.transfer_id == NULL || request->job.amount == 0) {
        return app_reply_error(request, MHD_HTTP_BAD_REQUEST, why);
    }
    return app_reply_commit(request);
}
