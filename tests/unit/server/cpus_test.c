#include "proxy/cgroup.h"
#include "proxy/cpus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder that stands for "/". */
static int setup(void **state)
{
    char *root = strdup("/tmp/turnout-cpus-XXXXXX");

    assert_non_null(root);
    assert_non_null(mkdtemp(root));
    *state = root;
    return 0;
}

static int teardown(void **state)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -r %s", (char *)*state);
    assert_int_equal(system(command), 0);
    free(*state);
    return 0;
}

static void put(const char *root, const char *path, const char *text)
{
    char command[512];
    char name[256];
    FILE *file;

    snprintf(name, sizeof(name), "%s%s", root, path);
    snprintf(command, sizeof(command), "mkdir -p $(dirname %s)", name);
    assert_int_equal(system(command), 0);
    file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_cpus_no_cgroups_no_quota(void **state)
{
    assert_int_equal(px_cpus_quota(*state), 0);
}

static void test_cpus_v2_quota_is_rounded_up(void **state)
{
    static const struct {
        const char *max;
        uint32_t cpus;
    } rows[] = {{"max 100000\n", 0},
                {"200000 100000\n", 2},
                {"150000 100000\n", 2},
                {"50000 100000\n", 1},
                {"100000 100000\n", 1},
                {"nonsense\n", 0},
                {"\n", 0}};

    put(*state, "/proc/self/cgroup", "0::/a/b\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put(*state, "/sys/fs/cgroup/a/b/cpu.max", rows[i].max);
        assert_int_equal(px_cpus_quota(*state), rows[i].cpus);
    }
}

static void test_cpus_v2_group_above_may_be_the_one_that_limits(void **state)
{
    put(*state, "/proc/self/cgroup", "0::/a/b/c\n");
    put(*state, "/sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
    put(*state, "/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    put(*state, "/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    assert_int_equal(px_cpus_quota(*state), 3);
    /* in a container the mount itself is the group */
    put(*state, "/sys/fs/cgroup/cpu.max", "100000 100000\n");
    assert_int_equal(px_cpus_quota(*state), 1);
    put(*state, "/proc/self/cgroup", "0::/\n");
    assert_int_equal(px_cpus_quota(*state), 1);
    put(*state, "/proc/self/cgroup", "0::/../other\n");
    assert_int_equal(px_cpus_quota(*state), 1);
}

static void test_cpus_v1_quota(void **state)
{
    put(*state, "/proc/self/cgroup",
        "12:cpuset:/x\n4:cpu,cpuacct:/docker/1\n2:memory:/docker/1\n0::/\n");
    put(*state, "/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us", "250000\n");
    put(*state, "/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us", "100000\n");
    assert_int_equal(px_cpus_quota(*state), 3);
    put(*state, "/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(px_cpus_quota(*state), 0);
    put(*state, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "100000\n");
    put(*state, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    assert_int_equal(px_cpus_quota(*state), 1);
}

static void test_cpus_v1_other_controllers_limit_nothing(void **state)
{
    put(*state, "/proc/self/cgroup", "4:cpuacct:/a\n5:cpuset:/a\n");
    put(*state, "/sys/fs/cgroup/cpuacct/a/cpu.cfs_quota_us", "100000\n");
    put(*state, "/sys/fs/cgroup/cpuacct/a/cpu.cfs_period_us", "100000\n");
    assert_int_equal(px_cpus_quota(*state), 0);
}

static void test_cpus_broken_lines_limit_nothing(void **state)
{
    put(*state, "/proc/self/cgroup", "\n:\nx\n0:\n");
    assert_int_equal(px_cpus_quota(*state), 0);
}

static void test_cgroup_memory_is_the_least_on_the_way_up(void **state)
{
    put(*state, "/proc/self/cgroup", "0::/a/b\n");
    assert_int_equal(px_cgroup_memory(*state), 0);
    put(*state, "/sys/fs/cgroup/a/b/memory.max", "max\n");
    assert_int_equal(px_cgroup_memory(*state), 0);
    put(*state, "/sys/fs/cgroup/a/memory.max", "268435456\n");
    assert_int_equal(px_cgroup_memory(*state), 268435456);
    put(*state, "/sys/fs/cgroup/a/b/memory.max", "134217728\n");
    assert_int_equal(px_cgroup_memory(*state), 134217728);
    assert_int_equal(px_cpus_quota(*state), 0);
}

static void test_cgroup_memory_of_version_1(void **state)
{
    put(*state, "/proc/self/cgroup", "4:cpu,cpuacct:/docker/1\n2:memory:/docker/1\n");
    put(*state, "/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(px_cgroup_memory(*state), 0); /* as it says that there is none */
    put(*state, "/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "1073741824\n");
    assert_int_equal(px_cgroup_memory(*state), 1073741824);
}

static void test_cpus_usable_is_at_least_one(void **state)
{
    long online = sysconf(_SC_NPROCESSORS_CONF);

    (void)state;
    assert_in_range(px_cpus_usable(), 1, (unsigned long)online);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_cpus_no_cgroups_no_quota),
        TEST(test_cpus_v2_quota_is_rounded_up),
        TEST(test_cpus_v2_group_above_may_be_the_one_that_limits),
        TEST(test_cpus_v1_quota),
        TEST(test_cpus_v1_other_controllers_limit_nothing),
        TEST(test_cpus_broken_lines_limit_nothing),
        TEST(test_cgroup_memory_is_the_least_on_the_way_up),
        TEST(test_cgroup_memory_of_version_1),
        cmocka_unit_test(test_cpus_usable_is_at_least_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
