#include "engine/local/local.h"
#include "fake_os.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define S 1000000000ull

static const char text[] =
    "service: s\nproxy: \"unix:p\"\nstore: {file: s}\nreplicas: 2\ngrace: 5s\n"
    "ready: {timeout: 30s}\n"
    "builds:\n  \"1\": {command: [run, \"{port}\", \"{build}\", \"{data}\"]}\n"
    "  \"2\": {command: [run, \"{port}\", \"{build}\", \"{data}\"]}\n"
    "versions: {blue: {build: \"1\", ports: [1, 2], data: d/blue}, green: {ports: [11, 12], "
    "data: d/green}}\n";

struct world {
    struct fake_os fake;
    struct en_config *config;
    struct en_store *store;
    struct en_platform *platform;
    struct tn_clock clock;
    uint64_t now_ns;
    struct en_view view;
    char path[64];
};

static struct world world;

static uint64_t now(void *context)
{
    (void)context;
    return world.now_ns;
}

static void open_all(void)
{
    struct en_local_options options;

    assert_int_equal(en_store_open(world.path, NULL, &world.store), 0);
    options = (struct en_local_options){world.config, world.store, &world.clock, &world.fake.os};
    assert_int_equal(en_local_open(&options, NULL, &world.platform), 0);
}

static void close_all(void)
{
    world.platform->ops->close(world.platform);
    en_store_close(world.store);
}

static int set_up(void **state)
{
    struct px_messages messages;
    char folder[] = "/tmp/turnout-local-XXXXXX";

    (void)state;
    memset(&world, 0, sizeof(world));
    world.now_ns = 1000 * S;
    world.clock = (struct tn_clock){now, now, now, NULL};
    assert_non_null(mkdtemp(folder));
    snprintf(world.path, sizeof(world.path), "%s/s", folder);
    px_messages_init(&messages);
    assert_int_equal(en_config_parse(tn_str_of(text), "f", "/f", &messages, &world.config), 0);
    px_messages_deinit(&messages);
    fake_os_init(&world.fake);
    open_all();
    return 0;
}

static int tear_down(void **state)
{
    char lock[80];

    (void)state;
    close_all();
    en_config_free(world.config);
    unlink(world.path);
    snprintf(lock, sizeof(lock), "%s.lock", world.path);
    unlink(lock);
    *strrchr(world.path, '/') = '\0';
    return rmdir(world.path);
}

/* The engine dies here and another one comes. */
static void restart(void)
{
    close_all();
    fake_os_orphan(&world.fake);
    open_all();
}

static void look(void)
{
    assert_int_equal(world.platform->ops->observe(world.platform, &world.view, NULL), 0);
}

static const struct en_instance *seen(uint32_t version, uint32_t index)
{
    return &world.view.versions[version].instances[index];
}

static void test_local_starts_what_the_file_says(void **state)
{
    (void)state;
    look();
    assert_int_equal(fake_os_alive(&world.fake), 2);
    assert_string_equal(fake_os_find(&world.fake, 1)->build, "1");
    assert_string_equal(fake_os_find(&world.fake, 2)->data, "/f/d/blue/1");
    assert_int_equal(seen(0, 0)->phase, EN_READY);
    assert_string_equal(seen(0, 1)->build, "1");
    assert_int_equal(seen(1, 0)->phase, EN_ABSENT);
    assert_int_equal(world.view.versions[0].replicas, 2);
    assert_int_equal(world.view.versions[1].replicas, 0);
}

static void test_local_scales_the_other_version(void **state)
{
    char *why = NULL;

    (void)state;
    look();
    assert_int_equal(world.platform->ops->set_build(world.platform, 1, "2", NULL), 0);
    assert_int_equal(world.platform->ops->scale(world.platform, 1, 2, NULL), 0);
    look();
    assert_int_equal(fake_os_alive(&world.fake), 4);
    assert_string_equal(fake_os_find(&world.fake, 11)->build, "2");
    assert_int_equal(world.platform->ops->scale(world.platform, 1, 1, NULL), 0);
    look();
    assert_int_equal(seen(1, 1)->phase, EN_STOPPING);
    look();
    assert_int_equal(seen(1, 1)->phase, EN_ABSENT); /* the highest goes */
    assert_int_equal(seen(1, 0)->phase, EN_READY);
    assert_int_equal(world.platform->ops->scale(world.platform, 1, 3, &why), -ERANGE);
    assert_non_null(strstr(why, "2 ports"));
    free(why);
}

static void test_local_replaces_the_one_that_was_seen(void **state)
{
    char id[EN_ID_SIZE];

    (void)state;
    look();
    memcpy(id, seen(0, 1)->id, sizeof(id));
    world.platform->ops->set_build(world.platform, 0, "2", NULL);
    look();
    assert_string_equal(seen(0, 1)->build, "1"); /* a new build touches nobody */
    assert_int_equal(world.platform->ops->replace(world.platform, 0, 1, id, NULL), 0);
    look();
    assert_int_equal(seen(0, 1)->phase, EN_STOPPING);
    look();
    assert_int_equal(seen(0, 1)->phase, EN_READY);
    assert_string_equal(seen(0, 1)->build, "2");
    assert_string_not_equal(seen(0, 1)->id, id);
    /* Asked again, by an engine that does not know that it was done. */
    world.platform->ops->replace(world.platform, 0, 1, id, NULL);
    look();
    assert_int_equal(seen(0, 1)->phase, EN_READY);
    assert_string_equal(seen(0, 0)->build, "1");
}

static void test_local_restarts_what_ended_as_it_was(void **state)
{
    struct fake_process *process;

    (void)state;
    look();
    world.platform->ops->set_build(world.platform, 0, "2", NULL);
    for (int i = 0; i < 3; i++) {
        process = fake_os_find(&world.fake, 1);
        process->is_alive = false;
        strcpy(process->how, "exit code 9");
        look();
        assert_int_equal(seen(0, 0)->restarts, i + 1);
        if (i == 0)
            continue; /* the first time at once */
        assert_int_equal(seen(0, 0)->phase, EN_FAILED);
        assert_string_equal(seen(0, 0)->why, "exit code 9: its last words");
        assert_null(fake_os_find(&world.fake, 1));
        world.now_ns += (1u << (i - 1)) * S;
        look();
    }
    assert_string_equal(fake_os_find(&world.fake, 1)->build, "1");
    /* Calm for a minute: it starts over. */
    look();
    world.now_ns += 61 * S;
    look();
    assert_int_equal(seen(0, 0)->restarts, 0);
}

static void test_local_kills_who_does_not_end(void **state)
{
    struct fake_process *process;

    (void)state;
    look();
    world.fake.obeys = false;
    process = fake_os_find(&world.fake, 2);
    world.platform->ops->scale(world.platform, 0, 1, NULL);
    look();
    world.now_ns += 4 * S;
    look();
    assert_int_equal(process->terms, 1);
    assert_int_equal(process->kills, 0);
    world.now_ns += 1 * S;
    look();
    assert_int_equal(process->kills, 1);
    look();
    assert_int_equal(fake_os_alive(&world.fake), 1);
}

static void test_local_adopts_what_runs(void **state)
{
    char id[EN_ID_SIZE];

    (void)state;
    look();
    memcpy(id, seen(0, 0)->id, sizeof(id));
    world.platform->ops->scale(world.platform, 0, 1, NULL);
    look();
    world.fake.obeys = false;
    restart();
    look();
    assert_int_equal(world.fake.count, 2); /* nobody was started again */
    assert_string_equal(seen(0, 0)->id, id);
    assert_int_equal(seen(0, 0)->phase, EN_READY);
    /* One that ended meanwhile. */
    fake_os_find(&world.fake, 1)->is_alive = false;
    restart();
    look();
    assert_int_equal(world.fake.count, 3);
    assert_string_equal(fake_os_find(&world.fake, 1)->build, "1");
}

static void test_local_knows_nobody_of_another_boot(void **state)
{
    (void)state;
    look();
    close_all();
    strcpy(world.fake.os.boot, "boot-2");
    for (unsigned i = 0; i < world.fake.count; i++)
        world.fake.processes[i].is_alive = i == 0; /* a number that somebody else has now */
    open_all();
    look();
    assert_int_equal(world.fake.count, 4);
    assert_int_equal(world.fake.processes[0].terms + world.fake.processes[0].kills, 0);
}

static void test_local_replacement_survives_the_engine(void **state)
{
    (void)state;
    look();
    world.platform->ops->set_build(world.platform, 0, "2", NULL);
    world.platform->ops->replace(world.platform, 0, 0, seen(0, 0)->id, NULL);
    restart();
    look();
    look();
    assert_string_equal(seen(0, 0)->build, "2");
    assert_string_equal(seen(0, 1)->build, "1");
    assert_int_equal(fake_os_alive(&world.fake), 2);
}

static void test_local_tells_who_never_gets_ready(void **state)
{
    (void)state;
    world.fake.is_ready = false;
    look();
    assert_int_equal(seen(0, 0)->phase, EN_STARTING);
    assert_string_equal(seen(0, 0)->why, "/readyz: 503");
    world.now_ns += 30 * S;
    look();
    assert_int_equal(seen(0, 0)->phase, EN_FAILED);
    world.fake.is_ready = true;
    look();
    assert_int_equal(seen(0, 0)->phase, EN_READY);
    assert_string_equal(seen(0, 0)->why, "");
    /* One missed probe is no news, two are. */
    world.fake.is_ready = false;
    world.now_ns += 2 * S;
    look();
    assert_int_equal(seen(0, 0)->phase, EN_READY);
    look();
    assert_int_equal(seen(0, 0)->phase, EN_STARTING);
}

static void test_local_refuses_a_build_that_is_not_there(void **state)
{
    char *why = NULL;

    (void)state;
    assert_int_equal(world.platform->ops->check_build(world.platform, "7", &why), -ENOENT);
    assert_string_equal(why, "there is no build '7' in f: the builds are 1, 2");
    assert_int_equal(world.platform->ops->set_build(world.platform, 0, "7", &why), -ENOENT);
    assert_int_equal(world.platform->ops->check_build(world.platform, "2", NULL), 0);
    free(why);
}

static void test_local_tries_again_what_cannot_be_started(void **state)
{
    char *why = NULL;

    (void)state;
    world.fake.make_error = -EAGAIN;
    assert_int_equal(world.platform->ops->observe(world.platform, &world.view, &why), -EAGAIN);
    assert_non_null(strstr(why, "cannot start blue/0"));
    free(why);
    world.fake.make_error = 0;
    world.now_ns += 1 * S;
    look();
    assert_int_equal(fake_os_alive(&world.fake), 2);
}

static void test_local_resets_only_disks_of_nobody(void **state)
{
    char *names = NULL;
    char *why = NULL;

    (void)state;
    look();
    assert_int_equal(world.platform->ops->reset_disks(world.platform, 0, false, &names, &why),
                     -EBUSY);
    assert_string_equal(why, "blue/0 still runs");
    assert_string_equal(world.fake.removed, "");
    free(why);
    assert_int_equal(world.platform->ops->reset_disks(world.platform, 1, true, &names, NULL), 0);
    assert_string_equal(names, "/f/d/green/0 /f/d/green/1");
    assert_string_equal(world.fake.removed, "");
    free(names);
    assert_int_equal(world.platform->ops->reset_disks(world.platform, 1, false, &names, NULL), 0);
    assert_string_equal(world.fake.removed, "/f/d/green/0;/f/d/green/1;");
    free(names);
}

static void no_sleep(uint64_t ms)
{
    world.now_ns += ms * 1000000;
}

static void test_local_stops_everybody(void **state)
{
    (void)state;
    look();
    world.fake.obeys = false; /* after the grace time they are killed */
    assert_int_equal(en_local_stop_all(world.platform, no_sleep, NULL), 0);
    assert_int_equal(fake_os_alive(&world.fake), 0);
    restart();
    look();
    assert_int_equal(fake_os_alive(&world.fake), 0); /* and stay so */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_local_starts_what_the_file_says),
        TEST(test_local_scales_the_other_version),
        TEST(test_local_replaces_the_one_that_was_seen),
        TEST(test_local_restarts_what_ended_as_it_was),
        TEST(test_local_kills_who_does_not_end),
        TEST(test_local_adopts_what_runs),
        TEST(test_local_knows_nobody_of_another_boot),
        TEST(test_local_replacement_survives_the_engine),
        TEST(test_local_tells_who_never_gets_ready),
        TEST(test_local_refuses_a_build_that_is_not_there),
        TEST(test_local_tries_again_what_cannot_be_started),
        TEST(test_local_resets_only_disks_of_nobody),
        TEST(test_local_stops_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
