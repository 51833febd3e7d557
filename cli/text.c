#include "cli/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

void cli_make_printable(char *text)
{
    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
        /* C1 controls, in UTF-8: a terminal may heed them */
        if ((unsigned char)c[0] == 0xc2 && (unsigned char)c[1] >= 0x80 &&
            (unsigned char)c[1] < 0xa0) {
            c[0] = '?';
            c[1] = '?';
        }
    }
}

char *cli_printable(const char *text)
{
    char *copy = cli_format("%s", text);

    cli_make_printable(copy);
    return copy;
}

void *cli_need(void *pointer)
{
    if (!pointer) {
        fputs("turnout: out of memory\n", stderr);
        exit(1);
    }
    return pointer;
}

char *cli_format(const char *format, ...)
{
    va_list args;
    char *text = NULL;

    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    return cli_need(len < 0 ? NULL : text);
}

char *cli_write_ppm(uint64_t ppm, char *buffer)
{
    int len =
        snprintf(buffer, CLI_TEXT_SIZE - 1, "%" PRIu64 ".%04" PRIu64, ppm / 10000, ppm % 10000);

    while (buffer[len - 1] == '0')
        len--;
    if (buffer[len - 1] == '.')
        len--;
    buffer[len] = '%';
    buffer[len + 1] = '\0';
    return buffer;
}

char *cli_write_measured(double ratio, char *buffer)
{
    snprintf(buffer, CLI_TEXT_SIZE, "%.*f%%", ratio > 0 && ratio < 0.0001 ? 4 : 2, ratio * 100);
    return buffer;
}

char *cli_write_count(uint64_t count, char *buffer)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, count);
    size_t at = 0;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            buffer[at++] = ',';
        buffer[at++] = digits[i];
    }
    buffer[at] = '\0';
    return buffer;
}

char *cli_write_age(uint64_t seconds, char *buffer)
{
    uint64_t minutes = seconds / 60;
    uint64_t hours = minutes / 60;

    if (seconds < 60)
        snprintf(buffer, CLI_TEXT_SIZE, "%" PRIu64 " s", seconds);
    else if (hours == 0)
        snprintf(buffer, CLI_TEXT_SIZE, "%" PRIu64 " min", minutes);
    else if (hours < 24)
        snprintf(buffer, CLI_TEXT_SIZE, "%" PRIu64 " h %" PRIu64 " min", hours, minutes % 60);
    else
        snprintf(buffer, CLI_TEXT_SIZE, "%" PRIu64 " d %" PRIu64 " h", hours / 24, hours % 24);
    return buffer;
}

char *cli_write_latency(double ms, char *buffer)
{
    if (ms < 9.95)
        snprintf(buffer, CLI_TEXT_SIZE, "%.1f ms", ms);
    else if (ms < 999.5)
        snprintf(buffer, CLI_TEXT_SIZE, "%.0f ms", ms);
    else
        snprintf(buffer, CLI_TEXT_SIZE, "%.1f s", ms / 1000);
    return buffer;
}

int cli_parse_time(const char *text, int64_t *ret_s)
{
    struct tm tm = {0};
    const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

    if (!rest)
        return -EINVAL;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (strcmp(rest, "Z") != 0)
        return -EINVAL;
    *ret_s = timegm(&tm);
    return 0;
}
