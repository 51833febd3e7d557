def write(folder, results):
    pass


def main(folder, is_quick):
    return 0
