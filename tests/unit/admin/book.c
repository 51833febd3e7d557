#include "tests/unit/admin/book.h"

#include "lib/base/log.h"
#include "tests/unit/admin/edit_table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Older snapshots come back as soon as all have switched. */
static void switch_now(struct book *book)
{
    void (*on_switched)(void *context) = book->on_switched;

    book->on_switched = NULL;
    if (book->published >= 2) {
        px_rulebook_unused(book->book, book->snapshots[book->published - 2]);
        book->snapshots[book->published - 2] = NULL;
    }
    on_switched(book->switch_context);
}

static void on_timer(struct tn_timer *timer)
{
    switch_now(TN_CONTAINER_OF(timer, struct book, timer));
}

static uint64_t wall_ns(void *context);
static uint64_t boottime_ns(void *context);
static void on_break_timer(struct tn_timer *timer);

int book_setup(void **state)
{
    struct book *book = calloc(1, sizeof(*book));

    assert_non_null(book);
    strcpy(book->folder, "/tmp/turnout-book-XXXXXX");
    assert_non_null(mkdtemp(book->folder));
    snprintf(book->file, sizeof(book->file), "%s/turnout.yaml", book->folder);
    snprintf(book->store, sizeof(book->store), "%s/turnout.store", book->folder);
    tn_log_set_level(TN_LOG_ERROR);
    assert_int_equal(tn_loop_init(&book->loop), 0);
    assert_int_equal(tn_timer_open(&book->timer, &book->loop, on_timer), 0);
    assert_int_equal(tn_timer_open(&book->breaking, &book->loop, on_break_timer), 0);
    assert_int_equal(px_stats_new(&book->stats), 0);
    book->clock = (struct tn_clock){.monotonic_ns = tn_clock_system.monotonic_ns,
                                    .boottime_ns = boottime_ns,
                                    .wall_ns = wall_ns,
                                    .context = book};
    *state = book;
    return 0;
}

int book_teardown(void **state)
{
    struct book *book = *state;
    char command[128];

    if (book->book)
        book_close(book);
    tn_timer_close(&book->timer, NULL);
    tn_timer_close(&book->breaking, NULL);
    assert_int_equal(tn_loop_deinit(&book->loop), 0);
    px_stats_free(book->stats);
    json_decref(book->answer);
    json_decref(book->errors);
    snprintf(command, sizeof(command), "rm -r %s", book->folder);
    assert_int_equal(system(command), 0);
    free(book);
    return 0;
}

void book_write(struct book *book, const char *rules, const char *extra)
{
    FILE *file = fopen(book->file, "w");

    assert_non_null(file);
    fprintf(file,
            "listen: [\"127.0.0.1:0\"]\n"
            "admin: \"unix:./turnout.sock\"\n"
            "%s\n"
            "versions:\n"
            "  blue: {endpoints: [\"127.0.0.1:5001\", \"127.0.0.1:5002\"], build: \"1\"}\n"
            "  green: {endpoints: [\"127.0.0.1:5101\"], build: \"2\"}\n"
            "rules: %s\n",
            extra, rules);
    assert_int_equal(fclose(file), 0);
}

size_t book_store_size(const struct book *book)
{
    struct stat status;

    return stat(book->store, &status) == 0 ? (size_t)status.st_size : 0;
}

/* --- the publisher -----------------------------------------------------------------------------
 */

static void prepare(void *workers, struct px_snapshot *snapshot,
                    void (*on_prepared)(void *context, int error), void *context)
{
    struct book *book = workers;

    assert_non_null(snapshot);
    on_prepared(context, book->prepare_error);
}

static void publish(void *workers, struct px_snapshot *snapshot, void (*on_switched)(void *context),
                    void *context)
{
    struct book *book = workers;

    assert_true(book->published < 256);
    book->snapshots[book->published++] = snapshot;
    book->store_size_when_published = book_store_size(book);
    book->on_switched = on_switched;
    book->switch_context = context;
    if (!book->is_by_hand)
        tn_timer_start(&book->timer, 0, 0);
}

static void collect(void *workers, void (*on_stats)(void *context, struct px_stats *stats),
                    void *context)
{
    struct book *book = workers;
    struct px_stats *stats = NULL;

    if (!book->has_no_stats) {
        assert_int_equal(px_stats_new(&stats), 0);
        assert_int_equal(px_stats_add(stats, book->stats), 0);
    }
    on_stats(context, stats);
}

static void collect_ledgers(void *workers, void (*on_stats)(void *context, struct px_stats *stats),
                            void *context)
{
    struct book *book = workers;
    struct px_stats *stats = NULL;

    assert_int_equal(px_stats_new(&stats), 0);
    stats->has_ledgers = true;
    assert_int_equal(px_stats_add(stats, book->stats), 0);
    on_stats(context, stats);
}

static void on_break_timer(struct tn_timer *timer)
{
    struct book *book = TN_CONTAINER_OF(timer, struct book, breaking);

    book->on_broken_off(book->break_context, 3);
}

/* Three exchanges each time, with the next turn. */
static void break_off(void *workers, const struct px_selection *selection,
                      void (*on_done)(void *context, uint32_t count), void *context)
{
    struct book *book = workers;

    assert_true(book->broken_off_count < 16);
    book->broken_off[book->broken_off_count++] = *selection;
    book->on_broken_off = on_done;
    book->break_context = context;
    tn_timer_start(&book->breaking, 0, 0);
}

const struct px_publisher book_publisher_ops = {.prepare = prepare,
                                                .publish = publish,
                                                .collect = collect,
                                                .collect_ledgers = collect_ledgers,
                                                .break_off = break_off};

/* --- clocks ------------------------------------------------------------------------------------
 */

static uint64_t wall_ns(void *context)
{
    const struct book *book = context;

    return tn_clock_system.wall_ns(NULL) + (uint64_t)book->wall_ahead_ns;
}

static uint64_t boottime_ns(void *context)
{
    const struct book *book = context;

    return tn_clock_system.boottime_ns(NULL) + (uint64_t)book->boot_ahead_ns;
}

void book_turn(struct book *book)
{
    for (int i = 0; i < 5; i++)
        uv_run(&book->loop.uv, UV_RUN_NOWAIT);
}

void book_switch(struct book *book)
{
    assert_non_null(book->on_switched);
    switch_now(book);
    book_turn(book);
}

/* --- opening -----------------------------------------------------------------------------------
 */

static void on_snapshot(void *context, const struct px_snapshot *snapshot)
{
    struct book *book = context;

    assert_non_null(snapshot);
    book->snapshots_seen++;
}

/* The book never looks into keys. */
static int load_keys(const char *path, char **ret_why, struct px_cookie_keys **ret_keys)
{
    (void)path;
    (void)ret_why;
    *ret_keys = malloc(1);
    return *ret_keys ? 0 : -ENOMEM;
}

static void free_keys(struct px_cookie_keys *keys)
{
    free(keys);
}

static int on_prepare(void *context, const struct px_snapshot *snapshot, char **ret_why)
{
    (void)ret_why;
    assert_non_null(snapshot);
    return ((struct book *)context)->on_prepare_error;
}

static int try_open(struct book *book, char **ret_why)
{
    static const struct px_registry_ops no_keys = {0};
    static const struct px_registry_ops keys = {.load_keys = load_keys, .free_keys = free_keys};
    struct px_rulebook_options options = {.control = &book->loop,
                                          .clock = &book->clock,
                                          .lock_fd = -1,
                                          .on_prepare = on_prepare,
                                          .on_snapshot = on_snapshot,
                                          .context = book};
    struct px_messages messages;
    struct px_config *config = NULL;
    int error;

    px_messages_init(&messages);
    if (px_config_load(book->file, &messages, &config) != 0)
        fail_msg("%s", px_messages_format(&messages));
    px_messages_deinit(&messages);
    assert_int_equal(px_registry_new(book->has_keys ? &keys : &no_keys, &book->registry), 0);
    options.registry = book->registry;
    options.config = config;
    error = px_rulebook_open(&options, ret_why, &book->book);
    px_config_free(config);
    return error;
}

void book_open(struct book *book)
{
    struct px_publisher publisher = book_publisher_ops;
    char *why = NULL;

    if (try_open(book, &why) != 0)
        fail_msg("%s", why);
    publisher.workers = book;
    px_rulebook_attach(book->book, &publisher);
    book->published = 1;
    book->snapshots[0] = px_rulebook_snapshot(book->book);
    assert_non_null(book->snapshots[0]);
}

void book_open_bad(struct book *book, const char *part)
{
    char *why = NULL;

    assert_int_not_equal(try_open(book, &why), 0);
    assert_null(book->book);
    assert_non_null(why);
    if (!strstr(why, part))
        fail_msg("'%s' does not hold '%s'", why, part);
    free(why);
    while (uv_run(&book->loop.uv, UV_RUN_NOWAIT))
        ;
    px_registry_free(book->registry);
    book->registry = NULL;
}

static void on_idle(void *context)
{
    *(bool *)context = true;
}

/* As the server does it: nothing is being written when it closes. */
void book_close(struct book *book)
{
    bool is_idle = false;

    px_rulebook_stop(book->book, on_idle, &is_idle);
    while (!is_idle)
        uv_run(&book->loop.uv, UV_RUN_NOWAIT);
    px_rulebook_close(book->book, NULL, NULL);
    book->book = NULL;
    for (int i = 0; i < 3; i++)
        uv_run(&book->loop.uv, UV_RUN_NOWAIT);
    px_registry_free(book->registry);
    book->registry = NULL;
}

/* --- changing ----------------------------------------------------------------------------------
 */

static void on_done(struct px_change *change)
{
    struct book *book = change->context;

    book->done++;
    book->unavailable += change->status == 503;
    book->status = change->status;
    book->revision = change->revision;
    snprintf(book->detail, sizeof(book->detail), "%s", change->detail ? change->detail : "");
    json_decref(book->answer);
    book->answer = json_incref(change->answer);
    json_decref(book->errors);
    book->errors = json_incref(change->errors);
    px_change_free(change);
}

struct px_change *book_change(struct book *book, px_edit_fn *edit, const char *request)
{
    struct px_change *change = px_change_new();

    assert_non_null(change);
    change->what = edit ? "edit" : "reload";
    change->edit = edit;
    change->request = request ? edit_json(request) : NULL;
    change->on_done = on_done;
    change->context = book;
    return change;
}

void book_submit(struct book *book, struct px_change *change)
{
    unsigned before = book->done;

    px_rulebook_submit(book->book, change);
    assert_int_equal(book->done, before); /* never from inside the call */
}

void book_wait(struct book *book, unsigned count)
{
    while (book->done < count) {
        book_turn(book);
        usleep(100); /* the store writes on a thread of its own */
    }
    assert_int_equal(book->done, count);
    book->done = 0;
}

void book_do(struct book *book, px_edit_fn *edit, const char *request)
{
    book_submit(book, book_change(book, edit, request));
    book_wait(book, 1);
}
