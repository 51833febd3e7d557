/* Mail from other threads: all of it, in each poster's order, and nothing after close. */
#include "lib/net/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POSTERS 4
#define MAILS 2000

struct letter {
    struct tn_mail mail;
    struct fixture *fixture;
    unsigned poster;
    unsigned number;
};

struct poster {
    pthread_t thread;
    struct fixture *fixture;
    unsigned number;
    unsigned taken;
};

struct fixture {
    struct tn_loop loop;
    struct tn_mailbox mailbox;
    unsigned next[POSTERS];
    unsigned received;
    unsigned closeds;
    unsigned close_after; /* letters after which the receiver closes; 0: never */
};

static void on_closed(struct tn_mailbox *mailbox)
{
    TN_CONTAINER_OF(mailbox, struct fixture, mailbox)->closeds++;
}

static void on_letter(struct tn_mail *mail)
{
    struct letter *letter = TN_CONTAINER_OF(mail, struct letter, mail);
    struct fixture *fixture = letter->fixture;

    assert_int_equal(letter->number, fixture->next[letter->poster]);
    fixture->next[letter->poster]++;
    fixture->received++;
    free(letter);
    if (fixture->received == fixture->close_after)
        tn_mailbox_close(&fixture->mailbox, on_closed);
    else if (fixture->received == POSTERS * MAILS)
        tn_loop_stop(&fixture->loop);
}

static bool post(struct fixture *fixture, unsigned poster, unsigned number)
{
    struct letter *letter = malloc(sizeof(*letter));

    assert_non_null(letter);
    *letter = (struct letter){
        .mail = {.run = on_letter}, .fixture = fixture, .poster = poster, .number = number};
    if (tn_mailbox_post(&fixture->mailbox, &letter->mail))
        return true;
    free(letter);
    return false;
}

static void *run_poster(void *argument)
{
    struct poster *poster = argument;

    for (unsigned i = 0; i < MAILS; i++)
        poster->taken += post(poster->fixture, poster->number, i);
    return NULL;
}

static void open_fixture(struct fixture *fixture)
{
    memset(fixture, 0, sizeof(*fixture));
    assert_int_equal(tn_loop_init(&fixture->loop), 0);
    assert_int_equal(tn_mailbox_open(&fixture->mailbox, &fixture->loop), 0);
}

static void start_posters(struct fixture *fixture, struct poster *posters)
{
    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.fixture = fixture, .number = i};
        assert_int_equal(pthread_create(&posters[i].thread, NULL, run_poster, &posters[i]), 0);
    }
}

static void join_posters(struct poster *posters, unsigned *ret_taken)
{
    *ret_taken = 0;
    for (unsigned i = 0; i < POSTERS; i++) {
        assert_int_equal(pthread_join(posters[i].thread, NULL), 0);
        *ret_taken += posters[i].taken;
    }
}

static void test_mailbox_delivers_all_in_each_posters_order(void **state)
{
    struct fixture fixture;
    struct poster posters[POSTERS];
    unsigned taken;

    (void)state;
    open_fixture(&fixture);
    start_posters(&fixture, posters);
    tn_loop_run(&fixture.loop);
    join_posters(posters, &taken);
    assert_int_equal(taken, POSTERS * MAILS);
    assert_int_equal(fixture.received, POSTERS * MAILS);
    tn_mailbox_close(&fixture.mailbox, on_closed);
    tn_loop_run(&fixture.loop);
    assert_int_equal(fixture.closeds, 1);
    assert_int_equal(tn_loop_deinit(&fixture.loop), 0);
}

/* Posters go on while the receiver closes: what was taken is run, what was not is told. */
static void test_mailbox_close_runs_what_was_taken(void **state)
{
    struct fixture fixture;
    struct poster posters[POSTERS];
    unsigned taken;

    (void)state;
    open_fixture(&fixture);
    fixture.close_after = MAILS / 2;
    start_posters(&fixture, posters);
    tn_loop_run(&fixture.loop);
    join_posters(posters, &taken);
    assert_int_equal(fixture.received, taken);
    assert_int_equal(fixture.closeds, 1);
    assert_false(post(&fixture, 0, 0));
    assert_int_equal(tn_loop_deinit(&fixture.loop), 0);
}

static void test_mailbox_close_runs_mail_that_nobody_looked_at(void **state)
{
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture);
    assert_true(post(&fixture, 1, 0));
    assert_true(post(&fixture, 1, 1));
    assert_int_equal(fixture.received, 0);
    tn_mailbox_close(&fixture.mailbox, on_closed);
    assert_int_equal(fixture.received, 2);
    assert_int_equal(fixture.closeds, 0);
    tn_loop_run(&fixture.loop);
    assert_int_equal(fixture.closeds, 1);
    assert_int_equal(tn_loop_deinit(&fixture.loop), 0);
}

static void on_closing_letter(struct tn_mail *mail)
{
    struct letter *letter = TN_CONTAINER_OF(mail, struct letter, mail);
    struct fixture *fixture = letter->fixture;

    free(letter);
    assert_true(post(fixture, 0, 2)); /* behind what is being run */
    tn_mailbox_close(&fixture->mailbox, on_closed);
    assert_false(post(fixture, 0, 3));
    assert_int_equal(fixture->received, 0); /* not from inside the call */
}

static void test_mailbox_closed_by_a_mail_keeps_the_order(void **state)
{
    struct letter *closing = malloc(sizeof(*closing));
    struct fixture fixture;

    (void)state;
    assert_non_null(closing);
    open_fixture(&fixture);
    *closing = (struct letter){.mail = {.run = on_closing_letter}, .fixture = &fixture};
    assert_true(tn_mailbox_post(&fixture.mailbox, &closing->mail));
    assert_true(post(&fixture, 0, 0));
    assert_true(post(&fixture, 0, 1));
    tn_loop_run(&fixture.loop);
    assert_int_equal(fixture.received, 3);
    assert_int_equal(fixture.closeds, 1);
    assert_int_equal(tn_loop_deinit(&fixture.loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mailbox_delivers_all_in_each_posters_order),
        cmocka_unit_test(test_mailbox_close_runs_what_was_taken),
        cmocka_unit_test(test_mailbox_closed_by_a_mail_keeps_the_order),
        cmocka_unit_test(test_mailbox_close_runs_mail_that_nobody_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
