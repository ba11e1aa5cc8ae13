// SPDX-License-Identifier: MIT
bool first();
bool second();

int main() {
    const bool one = first();
    const bool two = second();
    return (one ? 0 : 1) + (two ? 0 : 2);
}
