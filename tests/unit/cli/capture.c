#include "capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t monotonic(void *context)
{
    (void)context;
    return 1000000000;
}

static uint64_t wall(void *context)
{
    (void)context;
    return 1793692800ull * 1000000000; /* 2026-11-03T08:00:00Z */
}

static const struct tn_clock clock_at_rest = {
    .monotonic_ns = monotonic, .boottime_ns = monotonic, .wall_ns = wall};

void capture_start(struct capture *capture)
{
    *capture = (struct capture){0};
    capture->context.out = open_memstream(&capture->out, &capture->out_len);
    capture->context.err = open_memstream(&capture->err, &capture->err_len);
    capture->context.clock = &clock_at_rest;
    assert_non_null(capture->context.out);
    assert_non_null(capture->context.err);
}

const char *capture_out(struct capture *capture)
{
    fflush(capture->context.out);
    return capture->out;
}

const char *capture_err(struct capture *capture)
{
    fflush(capture->context.err);
    return capture->err;
}

void capture_end(struct capture *capture)
{
    fclose(capture->context.out);
    fclose(capture->context.err);
    free(capture->out);
    free(capture->err);
}

json_t *capture_json(const char *text)
{
    char *copy = strdup(text);
    json_error_t error;

    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json_t *json = json_loads(copy, JSON_DECODE_ANY, &error);
    if (!json)
        fail_msg("%s: %s", error.text, copy);
    free(copy);
    return json;
}
