#include "proxy/admin/recorder.h"

#include "lib/base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct record {
    struct tn_list node;
    json_t *json;
    bool is_kept;
    px_store_done_fn *on_done; /* NULL: nobody waits, or he was told */
    void *context;
    uint64_t asked_ms; /* of the loop: since when somebody waits */
};

static struct record *first_of(const struct px_recorder *recorder)
{
    return TN_CONTAINER_OF(recorder->records.next, struct record, node);
}

static void drop(struct px_recorder *recorder, struct record *record)
{
    tn_list_remove(&record->node);
    recorder->count--;
    json_decref(record->json);
    free(record);
}

static void tell(struct record *record, int error, const char *why)
{
    px_store_done_fn *on_done = record->on_done;

    record->on_done = NULL;
    if (on_done)
        on_done(record->context, error, why);
}

static void set_durable(struct px_recorder *recorder, bool is_durable, const char *why)
{
    if (recorder->is_durable && !is_durable)
        tn_log(TN_LOG_ERROR, "store", "%s: what is in force is NOT durable; it is tried again",
               why ? why : "out of memory");
    else if (!recorder->is_durable && is_durable && recorder->retry_ms > 0)
        tn_log(TN_LOG_INFO, "store", "what is in force is on the disk again");
    recorder->is_durable = is_durable;
}

static void report_idle(struct px_recorder *recorder)
{
    if (px_recorder_is_idle(recorder))
        recorder->on_idle(recorder->context);
}

/* --- writing -----------------------------------------------------------------------------------
 */

static void on_written(void *context, int error, const char *why);

static void start_retry(struct px_recorder *recorder, uint64_t in_ms)
{
    tn_timer_start(&recorder->retry, in_ms, 0);
}

static void write_first(struct px_recorder *recorder)
{
    assert(!recorder->is_writing);
    tn_timer_stop(&recorder->retry);
    if (recorder->is_held)
        return;
    if (px_store_append(recorder->store, recorder->loop, first_of(recorder)->json, on_written,
                        recorder) == 0)
        recorder->is_writing = true;
    else
        on_written(recorder, -ENOMEM, "out of memory");
}

/* Those that wait behind the one that failed would fail like it: they hear of it now. */
static void fail_all(struct px_recorder *recorder, int error, const char *why)
{
    struct tn_list *node = recorder->records.next;

    while (node != &recorder->records) {
        struct record *record = TN_CONTAINER_OF(node, struct record, node);
        bool is_over = !record->is_kept || recorder->is_stopping;

        node = node->next;
        if (record->is_kept)
            set_durable(recorder, false, why);
        tell(record, error, why);
        if (is_over)
            drop(recorder, record);
    }
    if (recorder->count == 0)
        return;
    recorder->retry_ms = recorder->retry_ms == 0 ? PX_RECORDER_RETRY_MS : recorder->retry_ms * 2;
    if (recorder->retry_ms > PX_RECORDER_RETRY_MAX_MS)
        recorder->retry_ms = PX_RECORDER_RETRY_MAX_MS;
    start_retry(recorder, recorder->retry_ms);
}

static void on_written(void *context, int error, const char *why)
{
    struct px_recorder *recorder = context;
    struct record *first = first_of(recorder);

    recorder->is_writing = false;
    if (error) {
        fail_all(recorder, error, why);
    } else {
        if (recorder->count == 1) {
            set_durable(recorder, true, NULL);
            recorder->retry_ms = 0;
        }
        recorder->on_written(recorder->context, first->json);
        tell(first, 0, NULL);
        drop(recorder, first);
        if (recorder->count > 0)
            write_first(recorder);
    }
    report_idle(recorder);
}

static void on_retry(struct tn_timer *timer)
{
    struct px_recorder *recorder = TN_CONTAINER_OF(timer, struct px_recorder, retry);

    if (recorder->count > 0 && !recorder->is_writing)
        write_first(recorder);
}

static void start_patience(struct px_recorder *recorder, uint64_t in_ms)
{
    if (recorder->has_patience)
        return;
    recorder->has_patience = true;
    tn_timer_start(&recorder->patience, in_ms, 0);
}

/* A disk that does not answer: whoever asked for what is in force already hears of that. */
static void on_patience(struct tn_timer *timer)
{
    struct px_recorder *recorder = TN_CONTAINER_OF(timer, struct px_recorder, patience);
    uint64_t now_ms = tn_loop_now_ms(recorder->loop);
    struct tn_list *node;

    recorder->has_patience = false;
    TN_LIST_FOR_EACH (node, &recorder->records) {
        struct record *record = TN_CONTAINER_OF(node, struct record, node);

        if (!record->is_kept || !record->on_done)
            continue;
        if (now_ms - record->asked_ms < PX_RECORDER_PATIENCE_MS) {
            start_patience(recorder, PX_RECORDER_PATIENCE_MS - (now_ms - record->asked_ms));
            return; /* those behind it came later */
        }
        set_durable(recorder, false, "the store does not answer");
        tell(record, -ETIMEDOUT, "the store does not answer");
    }
}

/* --- putting -----------------------------------------------------------------------------------
 */

static struct record *add(struct px_recorder *recorder, json_t *json, bool is_kept)
{
    struct record *record = calloc(1, sizeof(*record));

    assert(recorder->store);
    if (!record || !json) {
        free(record);
        json_decref(json);
        return NULL;
    }
    record->json = json;
    record->is_kept = is_kept;
    tn_list_push_back(&recorder->records, &record->node);
    recorder->count++;
    return record;
}

/* The oldest that nobody waits for and that is not just being written. */
static void forget_oldest(struct px_recorder *recorder)
{
    struct tn_list *node;

    TN_LIST_FOR_EACH (node, &recorder->records) {
        struct record *record = TN_CONTAINER_OF(node, struct record, node);

        if (record->on_done || (recorder->is_writing && record == first_of(recorder)))
            continue;
        drop(recorder, record);
        return;
    }
}

void px_recorder_put(struct px_recorder *recorder, json_t *json, bool is_kept,
                     px_store_done_fn *on_done, void *context)
{
    struct record *record;

    if (recorder->count >= PX_RECORDER_MAX)
        forget_oldest(recorder);
    record = add(recorder, json, is_kept);
    if (!record) {
        if (is_kept)
            set_durable(recorder, false, "out of memory");
        if (on_done)
            on_done(context, -ENOMEM, "out of memory");
        return;
    }
    record->on_done = on_done;
    record->context = context;
    record->asked_ms = tn_loop_now_ms(recorder->loop);
    if (is_kept && on_done)
        start_patience(recorder, PX_RECORDER_PATIENCE_MS);
    if (!recorder->is_writing)
        start_retry(recorder, 0);
}

void px_recorder_put_failed(struct px_recorder *recorder, json_t *json, const char *why)
{
    set_durable(recorder, false, why);
    if (!add(recorder, json, true))
        return;
    recorder->retry_ms = PX_RECORDER_RETRY_MS;
    start_retry(recorder, recorder->retry_ms);
}

bool px_recorder_withdraw(struct px_recorder *recorder, const void *context)
{
    struct tn_list *node;

    TN_LIST_FOR_EACH (node, &recorder->records) {
        struct record *record = TN_CONTAINER_OF(node, struct record, node);

        if (record->is_kept || record->context != context)
            continue;
        record->on_done = NULL;
        if (recorder->is_writing && record == first_of(recorder))
            return true;
        drop(recorder, record);
        return false;
    }
    return false;
}

/* --- the rest ----------------------------------------------------------------------------------
 */

bool px_recorder_is_idle(const struct px_recorder *recorder)
{
    return !recorder->is_writing && recorder->count == 0;
}

void px_recorder_hold(struct px_recorder *recorder, bool is_held)
{
    recorder->is_held = is_held;
    if (!is_held && recorder->count > 0 && !recorder->is_writing)
        start_retry(recorder, 0);
}

void px_recorder_forget(struct px_recorder *recorder)
{
    assert(!recorder->is_writing);
    tn_timer_stop(&recorder->retry);
    while (recorder->count > 0) {
        tell(first_of(recorder), -ECANCELED, "another process took over, and records it");
        drop(recorder, first_of(recorder));
    }
    px_store_close(recorder->store);
    recorder->store = NULL;
}

void px_recorder_init(struct px_recorder *recorder, struct tn_loop *loop,
                      void (*on_record)(void *context, const json_t *record),
                      void (*on_idle)(void *context), void *context)
{
    *recorder = (struct px_recorder){
        .loop = loop, .on_written = on_record, .on_idle = on_idle, .context = context};
    tn_list_init(&recorder->records);
    tn_timer_open(&recorder->retry, loop, on_retry);
    tn_timer_open(&recorder->patience, loop, on_patience);
    recorder->open_timers = 2;
}

void px_recorder_stop(struct px_recorder *recorder)
{
    recorder->is_stopping = true;
    if (recorder->count > 0 && !recorder->is_writing)
        start_retry(recorder, 0);
}

static void on_timer_closed(struct px_recorder *recorder)
{
    if (--recorder->open_timers == 0)
        recorder->on_closed(recorder->context);
}

static void on_retry_closed(struct tn_timer *timer)
{
    on_timer_closed(TN_CONTAINER_OF(timer, struct px_recorder, retry));
}

static void on_patience_closed(struct tn_timer *timer)
{
    on_timer_closed(TN_CONTAINER_OF(timer, struct px_recorder, patience));
}

void px_recorder_close(struct px_recorder *recorder, void (*on_closed)(void *context))
{
    assert(!recorder->is_writing);
    while (recorder->count > 0)
        drop(recorder, first_of(recorder));
    px_store_close(recorder->store);
    recorder->store = NULL;
    recorder->on_closed = on_closed;
    tn_timer_close(&recorder->retry, on_retry_closed);
    tn_timer_close(&recorder->patience, on_patience_closed);
}
