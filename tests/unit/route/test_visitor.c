#include "proxy/route/pick.h"
#include "tests/unit/route/fixture.h"

#define USERS 1000

/* Cookies of many visitors, kept between their requests. */
struct jar {
    struct px_decision issued[USERS];
};

static const struct px_decision *ask_without_cookie(struct fixture *f)
{
    fixture_request(f, "GET / HTTP/1.1\r\nHost: example.org\r\n");
    return fixture_decide(f);
}

static const struct px_decision *ask_with_cookie(struct fixture *f, const struct px_decision *from)
{
    fixture_request_with_cookie(f, from);
    return fixture_decide(f);
}

/* Lets USERS newcomers in; how many were sent to green. */
static uint32_t welcome(struct fixture *f, struct jar *jar)
{
    uint32_t green = 0;

    for (int i = 0; i < USERS; i++) {
        jar->issued[i] = *ask_without_cookie(f);
        assert_int_equal(jar->issued[i].reason, STRATEGY_REASON_NEWCOMER);
        assert_true(jar->issued[i].set_cookie_len > 0);
        assert_true(jar->issued[i].has_key && jar->issued[i].has_slot);
        green += jar->issued[i].version == GREEN;
    }
    return green;
}

/* The same, whatever becomes of them. */
static void welcome_any(struct fixture *f, struct jar *jar)
{
    for (int i = 0; i < USERS; i++) {
        jar->issued[i] = *ask_without_cookie(f);
        assert_true(jar->issued[i].set_cookie_len > 0);
    }
}

static struct fixture *make(uint32_t blue, uint32_t green, bool is_signed)
{
    struct fixture *f = fixture_new();

    fixture_rule(f, "main", blue, green, 0);
    fixture_sticky(f, 0, is_signed);
    return f;
}

static void test_visitor_newcomers_are_dealt_exactly_and_stay(void **state)
{
    static struct jar jar;

    (void)state;
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        struct fixture *f = make(90, 10, is_signed);

        assert_in_range(welcome(f, &jar), 99, 101);
        assert_int_equal(f->deals[0].n, USERS);
        for (int i = 0; i < USERS; i++) {
            const struct px_decision *again = ask_with_cookie(f, &jar.issued[i]);

            assert_int_equal(again->version, jar.issued[i].version);
            assert_int_equal(again->reason, STRATEGY_REASON_KEY);
            assert_true(again->key == jar.issued[i].key);
            assert_int_equal(again->set_cookie_len, 0);
            assert_false(again->has_slot);
        }
        assert_int_equal(f->deals[0].n, USERS); /* known users take no slot */
        fixture_free(f);
    }
}

static void test_visitor_nobody_moves_back_when_the_share_grows(void **state)
{
    static struct jar jar;
    struct fixture *f = make(90, 10, true);
    uint32_t green = 0;

    (void)state;
    welcome(f, &jar);
    fixture_weights(f, 0, 80, 20, 0);
    for (int i = 0; i < USERS; i++) {
        const struct px_decision *again = ask_with_cookie(f, &jar.issued[i]);

        if (jar.issued[i].version == GREEN)
            assert_int_equal(again->version, GREEN);
        green += again->version == GREEN;
    }
    assert_in_range(green, 160, 240); /* the share follows, within chance */
    fixture_free(f);
}

static void test_visitor_share_does_not_drift_back_and_forth(void **state)
{
    static struct jar jar;
    struct fixture *f = make(90, 10, true);

    (void)state;
    welcome(f, &jar);
    fixture_weights(f, 0, 10, 90, 0);
    for (int i = 0; i < USERS; i++)
        ask_with_cookie(f, &jar.issued[i]);
    fixture_weights(f, 0, 90, 10, 0);
    for (int i = 0; i < USERS; i++)
        assert_int_equal(ask_with_cookie(f, &jar.issued[i])->version, jar.issued[i].version);
    fixture_free(f);
}

static void test_visitor_ids_differ(void **state)
{
    static struct jar jar;
    struct fixture *f = make(50, 50, false);

    (void)state;
    welcome(f, &jar);
    for (int i = 1; i < USERS; i++)
        assert_true(jar.issued[i].key != jar.issued[i - 1].key);
    fixture_free(f);
}

static void test_visitor_bad_cookie_is_a_newcomer(void **state)
{
    static const char *const texts[] = {"", "x", "1.AQIDBAUGBwgJCgsMDQ4PEA",
                                        "1.AQIDBAUGBwgJCgsMDQ4PEA..AQIDBAUGBwgJCgsMDQ4PEA"};
    struct fixture *f = make(50, 50, true);

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char text[256];

        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nCookie: turnout=%s\r\n", texts[i]);
        fixture_request(f, text);
        fixture_decide(f);
        assert_int_equal(f->decision.reason, STRATEGY_REASON_NEWCOMER);
        assert_true(f->decision.set_cookie_len > 0);
        assert_int_equal(f->decision.slot, i);
    }
    fixture_free(f);
}

static void test_visitor_https_makes_the_cookie_secure(void **state)
{
    struct fixture *f = make(50, 50, false);

    (void)state;
    ask_without_cookie(f);
    assert_null(memmem(f->decision.set_cookie, f->decision.set_cookie_len, "Secure", 6));
    f->request.https = true;
    ask_without_cookie(f);
    assert_non_null(memmem(f->decision.set_cookie, f->decision.set_cookie_len, "; Secure", 8));
    fixture_free(f);
}

static void test_visitor_only_version_issues_cookies_without_slots(void **state)
{
    struct fixture *f = make(1, 0, false);

    (void)state;
    ask_without_cookie(f);
    assert_int_equal(f->decision.version, BLUE);
    assert_int_equal(f->decision.reason, STRATEGY_REASON_NEWCOMER);
    assert_true(f->decision.set_cookie_len > 0);
    assert_false(f->decision.has_slot);
    assert_int_equal(f->deals[0].n, 0);
    fixture_request_with_cookie(f, &f->decision);
    assert_int_equal(fixture_decide(f)->reason, STRATEGY_REASON_ONLY);
    fixture_free(f);
}

static void test_visitor_key_rotation_signs_anew(void **state)
{
    struct fixture *f = make(50, 50, true);
    struct px_cookie_keys *rotated = NULL;
    struct px_decision old;
    char *why = NULL;
    uint64_t key;

    (void)state;
    old = *ask_without_cookie(f);
    key = old.key;
    assert_int_equal(
        px_cookie_keys_parse(TN_STR("a new key with more than 32 characters\n" FIXTURE_KEY), "keys",
                             &why, &rotated),
        0);
    f->rules[0].cookie_keys = rotated;
    ask_with_cookie(f, &old);
    assert_int_equal(f->decision.reason, STRATEGY_REASON_KEY);
    assert_true(f->decision.key == key); /* the same id */
    assert_true(f->decision.set_cookie_len > 0);
    old = f->decision;
    ask_with_cookie(f, &old);
    assert_int_equal(f->decision.set_cookie_len, 0);
    assert_true(f->decision.key == key);
    px_cookie_keys_free(rotated);
    fixture_free(f);
}

static void test_visitor_session_stays_bound_at_weight_zero(void **state)
{
    static struct jar jar;
    struct fixture *f = make(50, 50, true);

    (void)state;
    f->said[0].sticky.affinity_session = true;
    welcome(f, &jar);
    fixture_weights(f, 0, 100, 0, 0);
    for (int i = 0; i < 100; i++) {
        const struct px_decision *again = ask_with_cookie(f, &jar.issued[i]);

        assert_int_equal(again->version, jar.issued[i].version);
        assert_int_equal(again->reason, STRATEGY_REASON_BOUND);
        assert_int_equal(again->set_cookie_len, 0);
    }
    fixture_free(f);
}

static void test_visitor_session_is_bound_anew_after_cut(void **state)
{
    static struct jar jar;
    struct fixture *f = make(50, 50, true);
    struct px_decision moved;
    int i = 0;

    (void)state;
    f->said[0].sticky.affinity_session = true;
    welcome(f, &jar);
    while (jar.issued[i].version != GREEN)
        i++;
    f->versions[GREEN].mode = STRATEGY_DRAINING;
    assert_int_equal(ask_with_cookie(f, &jar.issued[i])->version, GREEN);
    f->versions[GREEN].mode = STRATEGY_CUT;
    moved = *ask_with_cookie(f, &jar.issued[i]);
    assert_int_equal(moved.version, BLUE);
    assert_true(moved.set_cookie_len > 0);
    assert_true(moved.key == jar.issued[i].key);
    f->versions[GREEN].mode = STRATEGY_ACTIVE;
    assert_int_equal(ask_with_cookie(f, &moved)->version, BLUE); /* bound to blue now */
    assert_int_equal(f->decision.reason, STRATEGY_REASON_BOUND);
    fixture_free(f);
}

/* An abort: stable has all the weight, and bindings have another mask. */
static void test_visitor_session_is_bound_anew_after_an_abort(void **state)
{
    static struct jar jar;
    struct fixture *f = make(50, 50, true);

    (void)state;
    f->said[0].sticky.affinity_session = true;
    welcome(f, &jar);
    fixture_weights(f, 0, 100, 0, 0);
    f->rules[0].binding_mask = 0x1234567890abcdef;
    for (int i = 0; i < 100; i++) {
        struct px_decision moved = *ask_with_cookie(f, &jar.issued[i]);

        assert_int_equal(moved.version, BLUE);
        assert_int_not_equal(moved.reason, STRATEGY_REASON_BOUND);
        assert_true(moved.set_cookie_len > 0);
        assert_true(moved.key == jar.issued[i].key);
        assert_int_equal(ask_with_cookie(f, &moved)->reason, STRATEGY_REASON_BOUND);
        assert_int_equal(f->decision.version, BLUE);
        assert_int_equal(f->decision.set_cookie_len, 0);
    }
    /* a later canary does not wake the old binding: the key decides, among all users */
    fixture_weights(f, 0, 99, 1, 0);
    for (int i = 0, green = 0; i < 100; i++) {
        green += ask_with_cookie(f, &jar.issued[i])->version == GREEN;
        assert_true(green < 20);
    }
    fixture_free(f);
}

static void test_visitor_session_binds_whom_it_finds_unbound(void **state)
{
    struct fixture *f = make(50, 50, true);
    struct px_decision user;

    (void)state;
    user = *ask_without_cookie(f);
    f->said[0].sticky.affinity_session = true; /* the rule was changed */
    ask_with_cookie(f, &user);
    assert_int_equal(f->decision.version, user.version);
    assert_true(f->decision.set_cookie_len > user.set_cookie_len);
    user = f->decision;
    ask_with_cookie(f, &user);
    assert_int_equal(f->decision.reason, STRATEGY_REASON_BOUND);
    f->said[0].sticky.affinity_session = false; /* and back: the binding is ignored */
    ask_with_cookie(f, &user);
    assert_int_equal(f->decision.reason, STRATEGY_REASON_KEY);
    fixture_free(f);
}

static void test_visitor_session_is_not_bound_by_a_failover(void **state)
{
    static struct jar jar;
    struct fixture *f = make(50, 50, true);
    int i = 0;

    (void)state;
    f->said[0].sticky.affinity_session = true;
    f->said[0].on_unhealthy = STRATEGY_FAILOVER;
    welcome(f, &jar);
    while (jar.issued[i].version != GREEN)
        i++;
    for (uint32_t e = 0; e < FIXTURE_ENDPOINTS; e++)
        f->endpoints[GREEN][e].up = false;
    ask_with_cookie(f, &jar.issued[i]);
    assert_int_equal(f->decision.version, BLUE);
    assert_int_equal(f->decision.wanted, GREEN);
    assert_int_equal(f->decision.set_cookie_len, 0);
    for (uint32_t e = 0; e < FIXTURE_ENDPOINTS; e++)
        f->endpoints[GREEN][e].up = true;
    assert_int_equal(ask_with_cookie(f, &jar.issued[i])->version, GREEN);
    fixture_free(f);
}

static void test_visitor_newcomer_after_failover_comes_back_to_the_same(void **state)
{
    struct fixture *f = fixture_new();
    uint32_t failed_over = 0;

    (void)state;
    fixture_rule(f, "main", 50, 30, 20);
    fixture_sticky(f, 0, true);
    f->said[0].on_unhealthy = STRATEGY_FAILOVER;
    for (uint32_t e = 0; e < FIXTURE_ENDPOINTS; e++)
        f->endpoints[BLUE][e].up = false;
    for (int i = 0; i < 300; i++) {
        struct px_decision first = *ask_without_cookie(f);
        const struct px_decision *again = ask_with_cookie(f, &first);

        assert_int_not_equal(first.version, BLUE);
        assert_int_equal(again->version, first.version);
        assert_int_equal(again->wanted, first.wanted);
        failed_over += first.reason == STRATEGY_REASON_FAILOVER;
    }
    assert_int_equal(failed_over, 150);
    fixture_free(f);
}

static void test_visitor_refused_gets_no_cookie(void **state)
{
    struct fixture *f = make(50, 50, true);

    (void)state;
    for (uint32_t e = 0; e < FIXTURE_ENDPOINTS; e++)
        f->endpoints[BLUE][e].up = f->endpoints[GREEN][e].up = false;
    ask_without_cookie(f);
    assert_int_equal(f->decision.version, STRATEGY_NONE);
    assert_int_equal(f->decision.refused_status, 503);
    assert_int_equal(f->decision.set_cookie_len, 0);
    fixture_free(f);
}

static void test_visitor_stand_in_issues_no_cookie(void **state)
{
    struct fixture *f = make(0, 100, true);

    (void)state;
    f->rules[0].stable = BLUE;
    f->versions[GREEN].mode = STRATEGY_CUT;
    ask_without_cookie(f);
    assert_int_equal(f->decision.version, BLUE);
    assert_int_equal(f->decision.reason, STRATEGY_REASON_STABLE);
    assert_int_equal(f->decision.set_cookie_len, 0);
    fixture_free(f);
}

static void test_visitor_keeps_the_endpoint(void **state)
{
    static struct jar jar;
    struct fixture *f = make(90, 10, true);
    uint32_t counted[FIXTURE_ENDPOINTS] = {0};

    (void)state;
    f->said[0].sticky.scope_endpoint = true;
    welcome(f, &jar);
    for (int i = 0; i < USERS; i++) {
        const struct px_decision *again = ask_with_cookie(f, &jar.issued[i]);

        assert_int_equal(again->endpoint, jar.issued[i].endpoint);
        assert_false(again->is_spilled);
        counted[again->endpoint]++;
    }
    for (int e = 0; e < FIXTURE_ENDPOINTS; e++)
        assert_in_range(counted[e], 180, 320);
    /* on the other version: the same ordinal */
    fixture_weights(f, 0, 0, 1, 0);
    for (int i = 0; i < USERS; i++)
        assert_int_equal(ask_with_cookie(f, &jar.issued[i])->endpoint, jar.issued[i].endpoint);
    fixture_free(f);
}

/* balance: hash keeps users on endpoints as well: a draining one gets no new ones, nor does one of
 * the version that stands in. */
static void test_visitor_newcomer_meets_no_draining_endpoint_by_hash(void **state)
{
    static struct jar jar;

    (void)state;
    for (int fails_over = 0; fails_over < 2; fails_over++) {
        struct fixture *f = make(50, 50, false);

        f->versions[BLUE].balance = f->versions[GREEN].balance = STRATEGY_HASH;
        f->said[0].on_unhealthy = STRATEGY_FAILOVER;
        f->endpoints[GREEN][1].mode = STRATEGY_DRAINING;
        for (uint32_t e = 0; fails_over && e < FIXTURE_ENDPOINTS; e++)
            f->endpoints[BLUE][e].up = false;
        welcome_any(f, &jar);
        for (int i = 0; i < USERS; i++) {
            if (jar.issued[i].version == GREEN)
                assert_int_not_equal(jar.issued[i].endpoint, 1);
        }
        fixture_free(f);
    }
}

static void test_visitor_whose_endpoint_is_gone_is_spilled_or_refused(void **state)
{
    static struct jar jar;
    struct fixture *f = make(100, 0, true);
    uint32_t spilled = 0;

    (void)state;
    f->rules[0].only = STRATEGY_NONE; /* take slots, so that welcome() can be used */
    f->said[0].sticky.scope_endpoint = true;
    welcome(f, &jar);
    f->endpoints[BLUE][2].mode = STRATEGY_DRAINING; /* its own stay */
    for (int i = 0; i < USERS; i++)
        assert_int_equal(ask_with_cookie(f, &jar.issued[i])->endpoint, jar.issued[i].endpoint);
    f->endpoints[BLUE][2].mode = STRATEGY_CUT;
    for (int i = 0; i < USERS; i++) {
        const struct px_decision *again = ask_with_cookie(f, &jar.issued[i]);

        assert_int_not_equal(again->endpoint, 2);
        assert_int_equal(again->is_spilled, jar.issued[i].endpoint == 2);
        spilled += again->is_spilled;
    }
    assert_in_range(spilled, 180, 320);
    f->said[0].sticky.on_missing_fail = true;
    for (int i = 0; i < USERS; i++) {
        const struct px_decision *again = ask_with_cookie(f, &jar.issued[i]);
        bool is_gone = jar.issued[i].endpoint == 2;

        assert_int_equal(again->version, is_gone ? STRATEGY_NONE : BLUE);
        assert_int_equal(again->refused_status, is_gone ? 503 : 0);
    }
    fixture_free(f);
}

static void test_visitor_new_ones_are_not_sent_to_an_endpoint_that_is_closed(void **state)
{
    static struct jar jar;
    struct fixture *f = make(90, 10, true);

    (void)state;
    f->said[0].sticky.scope_endpoint = true;
    f->endpoints[BLUE][0].mode = STRATEGY_DRAINING;
    f->endpoints[GREEN][1].up = false;
    welcome(f, &jar);
    f->endpoints[GREEN][1].up = true;
    f->endpoints[BLUE][0].mode = STRATEGY_ACTIVE;
    for (int i = 0; i < USERS; i++) {
        assert_false(jar.issued[i].is_spilled);
        assert_int_not_equal(jar.issued[i].endpoint, jar.issued[i].version == BLUE ? 0 : 1);
        /* and there they stay when it is back */
        assert_int_equal(ask_with_cookie(f, &jar.issued[i])->endpoint, jar.issued[i].endpoint);
    }
    fixture_free(f);
}

static void test_visitor_by_header_is_decided_by_key(void **state)
{
    struct fixture *f = fixture_new();
    uint32_t green = 0;

    (void)state;
    fixture_rule(f, "main", 90, 10, 0);
    f->said[0].sticky.by = PX_STICKY_HEADER;
    f->said[0].sticky.name = strdup("X-User");
    for (int i = 0; i < USERS; i++) {
        char text[64];
        uint32_t version;

        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nX-User: %d\r\n", i);
        fixture_request(f, text);
        version = fixture_decide(f)->version;
        assert_int_equal(f->decision.reason, STRATEGY_REASON_KEY);
        assert_int_equal(f->decision.set_cookie_len, 0);
        assert_int_equal(fixture_decide(f)->version, version);
        green += version == GREEN;
    }
    assert_in_range(green, 60, 140);
    assert_int_equal(f->deals[0].n, 0);
    ask_without_cookie(f); /* and without header: a slot, no cookie */
    assert_int_equal(f->decision.reason, STRATEGY_REASON_SLOT);
    assert_int_equal(f->decision.set_cookie_len, 0);
    assert_false(f->decision.has_key);
    assert_int_equal(f->deals[0].n, 1);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_visitor_newcomers_are_dealt_exactly_and_stay),
        cmocka_unit_test(test_visitor_nobody_moves_back_when_the_share_grows),
        cmocka_unit_test(test_visitor_share_does_not_drift_back_and_forth),
        cmocka_unit_test(test_visitor_ids_differ),
        cmocka_unit_test(test_visitor_bad_cookie_is_a_newcomer),
        cmocka_unit_test(test_visitor_https_makes_the_cookie_secure),
        cmocka_unit_test(test_visitor_only_version_issues_cookies_without_slots),
        cmocka_unit_test(test_visitor_key_rotation_signs_anew),
        cmocka_unit_test(test_visitor_session_stays_bound_at_weight_zero),
        cmocka_unit_test(test_visitor_session_is_bound_anew_after_cut),
        cmocka_unit_test(test_visitor_session_is_bound_anew_after_an_abort),
        cmocka_unit_test(test_visitor_session_binds_whom_it_finds_unbound),
        cmocka_unit_test(test_visitor_session_is_not_bound_by_a_failover),
        cmocka_unit_test(test_visitor_newcomer_after_failover_comes_back_to_the_same),
        cmocka_unit_test(test_visitor_refused_gets_no_cookie),
        cmocka_unit_test(test_visitor_stand_in_issues_no_cookie),
        cmocka_unit_test(test_visitor_keeps_the_endpoint),
        cmocka_unit_test(test_visitor_newcomer_meets_no_draining_endpoint_by_hash),
        cmocka_unit_test(test_visitor_whose_endpoint_is_gone_is_spilled_or_refused),
        cmocka_unit_test(test_visitor_new_ones_are_not_sent_to_an_endpoint_that_is_closed),
        cmocka_unit_test(test_visitor_by_header_is_decided_by_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
