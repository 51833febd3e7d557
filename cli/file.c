#include "cli/file.h"

#include "cli/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static char *read_stream(FILE *in, size_t *ret_len, int *ret_error)
{
    char *bytes = cli_need(malloc(CLI_FILE_MAX + 1));
    size_t len = fread(bytes, 1, CLI_FILE_MAX + 1, in);

    if (!ferror(in) && len <= CLI_FILE_MAX) {
        *ret_len = len;
        return bytes;
    }
    *ret_error = ferror(in) ? errno : EFBIG;
    free(bytes);
    return NULL;
}

char *cli_read_file(const char *path, struct tn_str *ret_text, char **ret_why)
{
    bool is_standard = strcmp(path, "-") == 0;
    FILE *in = is_standard ? stdin : fopen(path, "re");
    size_t len = 0;
    int error = errno;
    char *bytes = in ? read_stream(in, &len, &error) : NULL;

    if (in && !is_standard)
        fclose(in);
    if (!bytes) {
        *ret_why = cli_format("%s: %s", path, strerror(error));
        return NULL;
    }
    *ret_text = (struct tn_str){bytes, len};
    return bytes;
}
