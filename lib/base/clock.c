#include "lib/base/clock.h"

#include <stdio.h>
#include <time.h>

#define NS_PER_S 1000000000ULL

static uint64_t read_clock(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t system_monotonic_ns(void *context)
{
    (void)context;
    return read_clock(CLOCK_MONOTONIC);
}

static uint64_t system_boottime_ns(void *context)
{
    (void)context;
    return read_clock(CLOCK_BOOTTIME);
}

static uint64_t system_wall_ns(void *context)
{
    (void)context;
    return read_clock(CLOCK_REALTIME);
}

const struct tn_clock tn_clock_system = {
    .monotonic_ns = system_monotonic_ns,
    .boottime_ns = system_boottime_ns,
    .wall_ns = system_wall_ns,
    .context = NULL,
};

char *tn_clock_rfc3339(uint64_t wall_ns, char *buffer)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    unsigned ms = (unsigned)(wall_ns % NS_PER_S / 1000000);
    struct tm utc;
    size_t used;

    gmtime_r(&seconds, &utc);
    used = strftime(buffer, TN_RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(buffer + used, TN_RFC3339_SIZE - used, ".%03uZ", ms % 1000);
    return buffer;
}

char *tn_clock_http_date(uint64_t wall_ns, char *buffer)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm utc;

    /* Not strftime's %a and %b: they follow the locale. */
    gmtime_r(&seconds, &utc);
    snprintf(buffer, TN_HTTP_DATE_SIZE, "%s, %02d %s %04d %02d:%02d:%02d GMT",
             days[utc.tm_wday % 7], utc.tm_mday % 100, months[utc.tm_mon % 12],
             (utc.tm_year + 1900) % 10000, utc.tm_hour % 100, utc.tm_min % 100, utc.tm_sec % 100);
    return buffer;
}
