// hearth: the program. Dispatches to one file per verb (cli/<verb>.cpp).
int main() { return 0; }
