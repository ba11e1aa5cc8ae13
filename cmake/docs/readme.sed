# What Doxygen is to see of README.md: the name that it knows C++ by, no links into the source tree, and nothing folded.
s/^```c++/```cpp/
s/\(^\|[^!]\)\[\([^]]*\)\]([^):]*)/\1\2/g
s/^<details><summary>\(.*\)<\/summary>$/\1:/
/^<\/details>$/d
