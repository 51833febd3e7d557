/*
 * A day of ramps with 100,000 people, each with a browser that keeps the cookie for as long as it
 * is told: shares asked for change each hour, keys are rotated at noon, cookies expire, some hours
 * send everybody to one version. No clock and no chance but seeded ones.
 */
#include "tests/unit/route/fixture.h"

#include <math.h>

#define PEOPLE 100000
#define MINUTES 1440
#define MAX_AGE_MINUTES 360
#define ROTATION_HOUR 12 /* a new key signs, the old one still verifies */
#define DROP_HOUR 19     /* the old one is gone: every cookie of it has expired by then */
#define FIVE_SIGMA 5.0
#define NEW_KEY "abcdefghijklmnopqrstuvwxyz0123456789"

/* Percent of green by the hour. */
static const uint32_t ramp[24] = {1,  1, 2,  5,  5,  10, 10, 20, 20, 30,  30,  50,
                                  50, 0, 10, 25, 25, 50, 75, 90, 99, 100, 100, 100};

struct person {
    char cookie[96]; /* as the browser sends it; empty: none */
    uint16_t issued; /* minute */
    uint8_t version; /* met last */
    bool is_known;   /* with the cookie that is there */
};

struct day {
    struct fixture *f;
    struct person *people;
    struct px_cookie_keys *keys[2]; /* after the rotation, after the old one was dropped */
    uint64_t random;
    uint32_t minute;
    uint32_t hour;
    bool is_session;
    /* this hour */
    uint32_t newcomers, green_newcomers;
    uint32_t known, green_known;
    uint32_t reissued;
    /* the whole day */
    uint64_t visits;
    double worst_newcomers; /* requests off the share, at any moment of any hour */
    double worst_known;     /* standard deviations */
};

static uint64_t draw(struct day *day, uint64_t below)
{
    return strategy_mix(day->random++) % below;
}

static struct px_cookie_keys *parse_keys(const char *text)
{
    struct px_cookie_keys *keys = NULL;
    char *why = NULL;

    assert_int_equal(px_cookie_keys_parse(tn_str_of(text), "keys", &why, &keys), 0);
    return keys;
}

static void open_day(struct day *day, bool is_session)
{
    struct px_sticky *sticky;

    *day = (struct day){.f = fixture_new(), .random = 77, .is_session = is_session};
    day->people = calloc(PEOPLE, sizeof(*day->people));
    assert_non_null(day->people);
    day->keys[0] = parse_keys(NEW_KEY "\n" FIXTURE_KEY "\n");
    day->keys[1] = parse_keys(NEW_KEY "\n");
    fixture_rule(day->f, "main", 99, 1, 0);
    fixture_sticky(day->f, 0, true);
    sticky = &day->f->said[0].sticky;
    sticky->affinity_session = is_session;
    sticky->max_age_ms = MAX_AGE_MINUTES * 60000;
}

static void close_day(struct day *day)
{
    fixture_free(day->f);
    px_cookie_keys_free(day->keys[0]);
    px_cookie_keys_free(day->keys[1]);
    free(day->people);
}

/* The browser takes the cookie, and lets go of it when its time is over. */
static void keep_cookie(struct day *day, struct person *person, const struct px_decision *decision)
{
    const char *end = memchr(decision->set_cookie, ';', decision->set_cookie_len);
    char text[PX_SET_COOKIE_MAX + 1];

    memcpy(text, decision->set_cookie, decision->set_cookie_len);
    text[decision->set_cookie_len] = '\0';
    assert_non_null(strstr(text, "; HttpOnly; SameSite=Lax; Path=/; Max-Age=21600"));
    assert_int_equal(strstr(text, "; Secure") != NULL, day->f->request.https);
    assert_true((size_t)(end - decision->set_cookie) < sizeof(person->cookie));
    snprintf(person->cookie, sizeof(person->cookie), "%.*s", (int)(end - decision->set_cookie),
             decision->set_cookie);
    person->issued = (uint16_t)day->minute;
}

static void count_newcomer(struct day *day, const struct px_decision *decision)
{
    double error;

    assert_int_equal(decision->reason, STRATEGY_REASON_NEWCOMER);
    assert_true(decision->set_cookie_len > 0);
    day->newcomers++;
    day->green_newcomers += decision->version == GREEN;
    error = fabs(day->green_newcomers - day->newcomers * (ramp[day->hour] / 100.0));
    day->worst_newcomers = fmax(day->worst_newcomers, error);
}

/* Where one who is known may go: nowhere (session), or after the share (user). */
static void count_known(struct day *day, struct person *person, const struct px_decision *decision)
{

    day->known++;
    day->green_known += decision->version == GREEN;
    if (day->is_session) {
        assert_int_equal(decision->version, person->version);
        assert_int_equal(decision->reason, STRATEGY_REASON_BOUND);
    }
    /* within an hour nobody moves */
    if ((uint32_t)person->issued / 60 == day->hour)
        assert_int_equal(decision->version, person->version);
    day->reissued += decision->set_cookie_len > 0;
}

static void visit(struct day *day, struct person *person)
{
    struct fixture *f = day->f;
    const struct px_decision *decision;
    char text[256];

    if (person->is_known && day->minute >= (uint32_t)person->issued + MAX_AGE_MINUTES) {
        person->is_known = false;
        person->cookie[0] = '\0';
    }
    f->request.https = (person - day->people) % 2;
    f->request.wall_s = 1700000000 + 60 * (uint64_t)day->minute;
    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: example.org\r\n%s%s%s",
             person->is_known ? "Cookie: " : "", person->cookie, person->is_known ? "\r\n" : "");
    fixture_request(f, text);
    decision = fixture_decide(f);
    day->visits++;
    if (person->is_known)
        count_known(day, person, decision);
    else
        count_newcomer(day, decision);
    if (decision->set_cookie_len > 0)
        keep_cookie(day, person, decision);
    person->is_known = true;
    person->version = (uint8_t)decision->version;
}

static void begin_hour(struct day *day, uint32_t hour)
{
    struct fixture *f = day->f;

    day->hour = hour;
    day->newcomers = day->green_newcomers = day->known = day->green_known = day->reissued = 0;
    fixture_weights(f, 0, 100 - ramp[hour], ramp[hour], 0);
    if (hour == 0 || ramp[hour] != ramp[hour - 1]) /* new weights start elsewhere: config/deal.c */
        f->deals[0].n = strategy_mix(hour) / 1000 * 100;
    else
        f->deals[0].n += 100 - f->deals[0].n % 100;
    if (hour == ROTATION_HOUR)
        f->rules[0].cookie_keys = day->keys[0];
    if (hour == DROP_HOUR)
        f->rules[0].cookie_keys = day->keys[1];
}

static void end_hour(struct day *day)
{
    double share = ramp[day->hour] / 100.0;
    double spread = sqrt(day->known * share * (1 - share));
    double off = fabs(day->green_known - day->known * share);

    assert_true(day->newcomers > 1000 && (day->hour == 0 || day->known > 1000));
    if (day->hour == ROTATION_HOUR)
        assert_true(day->reissued > 1000); /* signed anew, and nobody noticed */
    else if (day->hour < ROTATION_HOUR || day->hour >= DROP_HOUR)
        assert_int_equal(day->reissued, 0);
    if (day->is_session || day->hour == 0)
        return;
    if (spread > 0)
        day->worst_known = fmax(day->worst_known, off / spread);
    else
        assert_true(off == 0);
}

/* Everybody comes for the first time at a minute of his own, and again now and then. */
static void live_through(struct day *day)
{
    for (day->minute = 0; day->minute < MINUTES; day->minute++) {
        uint32_t first = PEOPLE / MINUTES * day->minute;
        uint32_t until = day->minute + 1 == MINUTES ? PEOPLE : first + PEOPLE / MINUTES;

        if (day->minute % 60 == 0)
            begin_hour(day, day->minute / 60);
        for (uint32_t i = first; i < until; i++)
            visit(day, &day->people[i]);
        for (uint32_t i = 0; i < until / 150; i++)
            visit(day, &day->people[draw(day, until)]);
        if (day->minute % 60 == 59)
            end_hour(day);
    }
}

static void test_day_users_follow_the_share_within_chance(void **state)
{
    struct day day;

    (void)state;
    open_day(&day, false);
    live_through(&day);
    print_message("user: %llu visits; newcomers off by %.2f at the most, known users by %.1f "
                  "standard deviations\n",
                  (unsigned long long)day.visits, day.worst_newcomers, day.worst_known);
    assert_true(day.worst_newcomers <= 1 + 1e-9);
    assert_true(day.worst_known > 0 && day.worst_known < FIVE_SIGMA);
    close_day(&day);
}

static void test_day_sessions_stay_and_newcomers_are_exact(void **state)
{
    struct day day;

    (void)state;
    open_day(&day, true);
    live_through(&day);
    print_message("session: %llu visits; newcomers off by %.2f at the most, nobody moved\n",
                  (unsigned long long)day.visits, day.worst_newcomers);
    assert_true(day.worst_newcomers <= 1 + 1e-9);
    close_day(&day);
}

/* The whole population before and after each step of a ramp: nobody is sent back while it grows. */
static void test_day_nobody_goes_against_the_ramp(void **state)
{
    struct day day;

    (void)state;
    open_day(&day, false);
    day.f->said[0].sticky.max_age_ms = 0;
    begin_hour(&day, 0);
    for (uint32_t i = 0; i < PEOPLE / 5; i++) {
        fixture_request(day.f, "GET / HTTP/1.1\r\nHost: example.org\r\n");
        fixture_decide(day.f);
        snprintf(
            day.people[i].cookie, sizeof(day.people[i].cookie), "%.*s",
            (int)((char *)memchr(day.f->decision.set_cookie, ';', day.f->decision.set_cookie_len) -
                  day.f->decision.set_cookie),
            day.f->decision.set_cookie);
        day.people[i].version = (uint8_t)day.f->decision.version;
    }
    for (uint32_t hour = 1; hour < 24; hour++) {
        if (ramp[hour] == ramp[hour - 1])
            continue;
        fixture_weights(day.f, 0, 100 - ramp[hour], ramp[hour], 0);
        for (uint32_t i = 0; i < PEOPLE / 5; i++) {
            uint32_t stays = ramp[hour] > ramp[hour - 1] ? GREEN : BLUE;
            char text[256];

            snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: example.org\r\nCookie: %s\r\n",
                     day.people[i].cookie);
            fixture_request(day.f, text);
            fixture_decide(day.f);
            if (day.people[i].version == stays)
                assert_int_equal(day.f->decision.version, stays);
            day.people[i].version = (uint8_t)day.f->decision.version;
        }
    }
    close_day(&day);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_day_users_follow_the_share_within_chance),
        cmocka_unit_test(test_day_sessions_stay_and_newcomers_are_exact),
        cmocka_unit_test(test_day_nobody_goes_against_the_ramp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
