#include "app/body.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_LEN 16
#define SLICES 10
#define BLOCK_BYTES 65536

struct body {
    struct app_body_plan plan;
    struct app_delay_item item;
    uint64_t start_ns;
    char text[];
};

void app_body_fill_pattern(uint64_t offset, char *buffer, size_t len)
{
    size_t done = 0;
    while (done < len) {
        char line[LINE_LEN + 2];
        size_t skip = (size_t)((offset + done) % LINE_LEN);
        uint64_t start = offset + done - skip;
        size_t part = LINE_LEN - skip < len - done ? LINE_LEN - skip : len - done;
        (void)snprintf(line, sizeof(line), "%015" PRIx64 "\n", start & 0xfffffffffffffffu);
        memcpy(buffer + done, line + skip, part);
        done += part;
    }
}

uint64_t app_body_allowed(uint64_t len, uint64_t sent, uint64_t elapsed_ms, uint32_t slow_ms,
                          uint64_t *ret_wait_ms)
{
    for (uint64_t slice = 1; slice < SLICES; slice++) {
        uint64_t starts_ms = slice * slow_ms / SLICES;
        uint64_t end = len / SLICES * slice + len % SLICES * slice / SLICES;
        if (elapsed_ms < starts_ms) {
            *ret_wait_ms = starts_ms - elapsed_ms;
            if (end > sent) {
                return end;
            }
            /* This slice was sent (or is empty): the next one is due at starts_ms. */
            return sent;
        }
    }
    *ret_wait_ms = 0;
    return len;
}

static void on_due(struct app_delay_item *item)
{
    struct body *body = (struct body *)(void *)((char *)item - offsetof(struct body, item));
    MHD_resume_connection(body->plan.connection);
}

static ssize_t read_body(void *context, uint64_t position, char *buffer, size_t max)
{
    struct body *body = context;
    const struct app_body_plan *plan = &body->plan;
    uint64_t end = plan->len;
    if (position >= plan->len) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (plan->slow_ms > 0 && !app_delay_is_flushed(plan->delay)) {
        uint64_t wait_ms;
        uint64_t elapsed_ms = (app_delay_now_ns() - body->start_ns) / 1000000;
        end = app_body_allowed(plan->len, position, elapsed_ms, plan->slow_ms, &wait_ms);
        if (end <= position) {
            MHD_suspend_connection(plan->connection);
            app_delay_add(plan->delay, &body->item, wait_ms);
            return 0;
        }
    }
    size_t len = end - position < max ? (size_t)(end - position) : max;
    if (plan->text != NULL) {
        memcpy(buffer, body->text + position, len);
    } else {
        app_body_fill_pattern(position, buffer, len);
    }
    return (ssize_t)len;
}

struct MHD_Response *app_body_new_response(const struct app_body_plan *plan)
{
    size_t text_len = plan->text == NULL ? 0 : (size_t)plan->len;
    struct body *body = malloc(sizeof(*body) + text_len);
    if (body == NULL) {
        return NULL;
    }
    body->plan = *plan;
    body->item.on_due = on_due;
    body->start_ns = app_delay_now_ns();
    if (plan->text != NULL) {
        memcpy(body->text, plan->text, text_len);
    }
    struct MHD_Response *response = MHD_create_response_from_callback(
        plan->is_chunked ? MHD_SIZE_UNKNOWN : plan->len, BLOCK_BYTES, read_body, body, free);
    if (response == NULL) {
        free(body);
    }
    return response;
}
