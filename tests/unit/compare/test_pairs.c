/* Pairs of answers that are kept: what is copied, how many stay, and what they may cost. */
#include "proxy/compare/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define MUCH (1u << 20)

static _Atomic uint64_t budget;
static char name[] = "Content-Type";
static char *names[] = {name};
static const struct px_compare compare = {.headers = names, .header_count = 1};

/* One whose user's body is this text. */
static struct px_pair *make(const char *body)
{
    struct px_compare_outcome outcome = {.result = PX_COMPARE_BODY, .count = 1, .has_more = true};
    struct tn_str headers[2] = {TN_STR("text/plain"), {NULL, 0}};
    struct px_compare_answer primary = {
        .status = 200, .headers = &headers[0], .body = tn_str_of(body), .body_len = 70000};
    struct px_compare_answer shadow = {.status = 500,
                                       .headers = &headers[1],
                                       .content_encoding = TN_STR("gzip"),
                                       .body = {NULL, 0}};
    struct px_pair_of of = {.compare = &compare,
                            .answers = {&primary, &shadow},
                            .outcome = &outcome,
                            .group = "user",
                            .path = TN_STR("/users/1"),
                            .request_id = TN_STR("id-1")};
    struct px_pair *pair;

    outcome.differences[0].kind = PX_COMPARE_KIND_VALUE;
    strcpy(outcome.differences[0].path, "/price");
    pair = px_pair_new(&of);
    assert_non_null(pair);
    return pair;
}

static void assert_body(const struct px_pairs *pairs, uint32_t place, const char *body)
{
    assert_true(place < pairs->count);
    assert_true(tn_str_equal(pairs->list[place]->answers[PX_PAIR_PRIMARY].body, tn_str_of(body)));
}

static void push(struct px_pairs *pairs, const char *body, uint64_t now_ns)
{
    px_pairs_push(pairs, make(body), now_ns, &budget, MUCH);
}

static void test_pairs_are_copies(void **state)
{
    struct px_pair *pair = make("a body");
    const struct px_pair_answer *shadow = &pair->answers[PX_PAIR_SHADOW];

    (void)state;
    assert_true(tn_str_equal(pair->path, TN_STR("/users/1")));
    assert_true(tn_str_equal(pair->group, TN_STR("user")));
    assert_true(tn_str_equal(pair->request_id, TN_STR("id-1")));
    assert_int_equal(pair->result, PX_COMPARE_BODY);
    assert_true(pair->has_more);
    assert_int_equal(pair->header_count, 1);
    assert_true(tn_str_equal(pair->headers[0].name, TN_STR("Content-Type")));
    assert_true(tn_str_equal(pair->headers[0].values[PX_PAIR_PRIMARY], TN_STR("text/plain")));
    assert_null(pair->headers[0].values[PX_PAIR_SHADOW].ptr);
    assert_int_equal(pair->field_count, 1);
    assert_int_equal(pair->fields[0].kind, PX_COMPARE_KIND_VALUE);
    assert_true(tn_str_equal(pair->fields[0].path, TN_STR("/price")));
    assert_int_equal(pair->answers[PX_PAIR_PRIMARY].status, 200);
    assert_int_equal(pair->answers[PX_PAIR_PRIMARY].body_len, 70000);
    assert_null(pair->answers[PX_PAIR_PRIMARY].content_encoding.ptr);
    assert_true(tn_str_equal(pair->answers[PX_PAIR_PRIMARY].body, TN_STR("a body")));
    assert_int_equal(shadow->status, 500);
    assert_true(tn_str_equal(shadow->content_encoding, TN_STR("gzip")));
    assert_int_equal(shadow->body.len, 0);
    px_pair_give(pair);
    px_pair_give(NULL);
}

static void test_pairs_newest_stay(void **state)
{
    struct px_pairs pairs = {.max = 2};

    (void)state;
    push(&pairs, "1", 1);
    push(&pairs, "2", 2);
    push(&pairs, "3", 3);
    assert_int_equal(pairs.count, 2);
    assert_body(&pairs, 0, "2");
    assert_body(&pairs, 1, "3");
    assert_int_equal(pairs.lost, 0);
    assert_int_equal(pairs.bytes, budget);
    assert_int_equal(budget, pairs.list[0]->size + pairs.list[1]->size);
    px_pairs_clear(&pairs);
    assert_int_equal(budget, 0);
    assert_int_equal(pairs.max, 0);
}

static void test_pairs_without_leave_are_not_kept(void **state)
{
    struct px_pairs pairs = {0};

    (void)state;
    push(&pairs, "1", 1);
    assert_int_equal(pairs.count, 0);
    assert_int_equal(pairs.lost, 0);
    assert_int_equal(budget, 0);
}

static void test_pairs_within_the_budget(void **state)
{
    struct px_pairs pairs = {.max = 100};
    struct px_pairs other = {.max = 100};
    struct px_pair *pair = make("1");
    uint64_t size = pair->size;

    (void)state;
    px_pairs_push(&pairs, pair, 1, &budget, 2 * size);
    px_pairs_push(&pairs, make("2"), 2, &budget, 2 * size);
    px_pairs_push(&pairs, make("3"), 3, &budget, 2 * size); /* the oldest makes room */
    assert_int_equal(pairs.count, 2);
    assert_body(&pairs, 0, "2");
    assert_int_equal(budget, 2 * size);
    px_pairs_push(&pairs, make("larger than all that there is"), 4, &budget, size);
    assert_int_equal(pairs.lost, 1); /* and what is there stays */
    assert_int_equal(pairs.count, 2);
    px_pairs_push(&other, make("4"), 5, &budget, 2 * size); /* not at the cost of another mirror */
    assert_int_equal(other.lost, 1);
    assert_int_equal(pairs.count, 2);
    px_pairs_clear(&pairs);
    assert_int_equal(budget, 0);
    assert_int_equal(px_pairs_limit(8u << 20), 2u << 20);
    assert_int_equal(px_pairs_limit(1ull << 40), PX_PAIRS_BYTES_MAX);
}

/* The sum of two loops has the newest of both, and shares them. */
static void test_pairs_sum_of_loops(void **state)
{
    struct px_ledger *one;
    struct px_ledger *two;
    struct px_ledger *sum;

    (void)state;
    assert_int_equal(px_ledger_new(7, 1, &one), 0);
    assert_int_equal(px_ledger_new(7, 1, &two), 0);
    assert_int_equal(px_ledger_new(0, 0, &sum), 0);
    one->pairs.max = two->pairs.max = 2;
    push(&one->pairs, "1", 1);
    push(&two->pairs, "2", 2);
    push(&one->pairs, "3", 3);
    two->pairs.lost = 5;
    assert_int_equal(px_ledger_add(sum, one), 0);
    assert_int_equal(px_ledger_add(sum, two), 0);
    assert_int_equal(sum->pairs.count, 2);
    assert_body(&sum->pairs, 0, "2");
    assert_body(&sum->pairs, 1, "3");
    assert_int_equal(sum->pairs.lost, 5);
    assert_int_equal(sum->pairs.bytes, 2 * sum->pairs.list[0]->size);
    assert_int_equal(budget, 3 * sum->pairs.list[0]->size); /* no copies */
    px_ledger_restart(one, 8, 2); /* another comparison: forgotten, but by who reads them now */
    assert_int_equal(one->pairs.count, 0);
    px_ledger_free(two);
    assert_body(&sum->pairs, 1, "3");
    px_ledger_free(sum);
    px_ledger_free(one);
    assert_int_equal(budget, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_are_copies),
        cmocka_unit_test(test_pairs_newest_stay),
        cmocka_unit_test(test_pairs_without_leave_are_not_kept),
        cmocka_unit_test(test_pairs_within_the_budget),
        cmocka_unit_test(test_pairs_sum_of_loops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
