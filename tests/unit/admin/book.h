/*
 * book: a rulebook in a folder of its own, with a publisher that the test plays.
 *
 * Shapes: FILE is turnout.yaml in the folder, with versions blue (two endpoints) and green, and the
 * rules that the test gives. Switching and counting happen when the test says so, or at once.
 * Errors fail the test. Ownership: book_setup, book_teardown as cmocka fixtures.
 */
#ifndef TEST_BOOK_H
#define TEST_BOOK_H

#include "lib/net/control.h"
#include "proxy/admin/rulebook.h"

struct book {
    struct tn_loop loop;
    char folder[64];
    char file[96];
    char store[96];
    struct px_registry *registry;
    struct px_rulebook *book;
    bool has_keys;         /* key files are taken, whatever they say */
    bool is_by_hand;       /* switching waits for book_switch() */
    struct tn_timer timer; /* else it comes with the next turn */

    /* clocks: the real ones, moved */
    struct tn_clock clock;
    int64_t wall_ahead_ns;
    int64_t boot_ahead_ns;

    /* what the book asked its publisher for */
    struct px_selection broken_off[16];
    unsigned broken_off_count;
    struct tn_timer breaking;
    void (*on_broken_off)(void *context, uint32_t count);
    void *break_context;
    unsigned published;
    struct px_snapshot *snapshots[256]; /* in their order */
    void (*on_switched)(void *context);
    void *switch_context;
    size_t store_size_when_published;
    unsigned snapshots_seen; /* on_snapshot */

    struct px_stats *stats; /* what counting gives; kept by the fixture */
    bool has_no_stats;      /* out of memory */
    int prepare_error;      /* of the loops */
    int on_prepare_error;   /* of the prober */

    /* the last answer */
    unsigned done;
    unsigned unavailable; /* answers of 503 */
    unsigned status;
    uint64_t revision;
    char detail[512];
    json_t *answer;
    json_t *errors;
};

int book_setup(void **state);
int book_teardown(void **state);

/* The configuration file: rules in YAML's flow form; extra: further top keys, or "". */
void book_write(struct book *book, const char *rules, const char *extra);

/* Opens with what is in the folder. */
void book_open(struct book *book);
/* It must be refused with words of this text. */
void book_open_bad(struct book *book, const char *part);
void book_close(struct book *book);

/* Submits. request: JSON with ' for "; NULL edit: a reload. */
struct px_change *book_change(struct book *book, px_edit_fn *edit, const char *request);
void book_submit(struct book *book, struct px_change *change);

/* Turns the loop until so many changes were answered since the last call. */
void book_wait(struct book *book, unsigned count);

/* book_change, book_submit and book_wait. */
void book_do(struct book *book, px_edit_fn *edit, const char *request);

/* The loops have switched; turns the loop. */
void book_switch(struct book *book);
void book_turn(struct book *book);

size_t book_store_size(const struct book *book);

/* Publisher of the fixture, for those who build on it. */
extern const struct px_publisher book_publisher_ops;

#endif
