#include "engine/platform.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *const en_phase_words[] = {"absent", "starting", "ready", "stopping", "failed"};

int en_fail(char **ret_why, int error, const char *format, ...)
{
    va_list args;

    if (!ret_why)
        return error;
    free(*ret_why);
    va_start(args, format);
    if (vasprintf(ret_why, format, args) < 0)
        *ret_why = NULL;
    va_end(args);
    return error;
}
