# awk -f header.awk HEADER: the header as Doxygen is to see it, line by line.
#
# Namespaces lose their inline part. The parts of a comment become a list. The classes that layers have their calls from count as public.
# A comment is that of every declaration down to the next blank line, unless it is of several paragraphs or they have their own.
# What is compiled once (kernels/instance.hpp) is no declaration.
# What every layer has is told here, once: a declaration that begins so and has no comment of its own gets this one.
BEGIN {
    split("Stateless Carrying Composite Chain", names, " ")
    for (i in names) {
        bases[names[i]]
    }
    told["static void members(auto& self, auto&& f)"] = "Calls f(name, member) for every parameter or child: visiting, loading, saving and counting are made of it."
    told["static constexpr std::string_view name ="] = "Begins the error texts."
    told["static constexpr bool carries ="] = "Whether every call that is given a state writes it."
    told["static constexpr bool takes_resets ="] = "Whether a call takes resets behind the state."
    told["static constexpr bool needs_state ="] = "Whether there is no call without a state."
    told["static constexpr bool allocation_free ="] = "Whether `forward_into` allocates nothing once warm: false with a plain callable inside."
    told["static constexpr bool carried ="] = "Marks a state that is carried from call to call, and not saved."
    told["using State ="] = "What the caller keeps from call to call."
    told["State initial_state() const"] = "A state as it is before training."
    told["auto initial_state() const"] = "A state as it is before training."
    told["State initial_state(index_t batch) const"] = "A state of zeros for so many batch elements, and statistics as they are before training."
    told["auto initial_state(index_t batch) const"] = "A state of zeros for so many batch elements, and statistics as they are before training."
    told["std::size_t size_in_bytes() const"] = "Memory held, packed weights included."
    told["static void apply(V& x)"] = "x = f(x), of a number or of a vector of them."
    told["void apply(V& x) const"] = "x = f(x), of a number or of a vector of them."
}
function tell(waiting, text,    first, key) {
    first = waiting == "" ? text : waiting
    match(first, /^ */)
    if (RLENGTH == column && shared != "" && shared != "none" && text !~ /= delete/ && before ~ /[;}]( *\/\/.*)?$/ && first ~ /^ *[a-zA-Z[]/) {
        key = shared
    }
    sub(/^ */, "", text)
    sub(/^NN_INLINE /, "", text)
    for (begin in told) {
        if (index(text, begin) == 1) {
            key = told[begin]
        }
    }
    return key == "" ? "" : "/** " key " */ "
}
/^NN_KERNEL\(/ {
    compiled = 1
}
compiled {
    compiled = !/;$/
    print ""
    next
}
{
    gsub(/namespace nn::inline NN_ABI/, "namespace nn")
    for (base in bases) {
        gsub("detail::" base "<", base "<")
    }
    if (FILENAME ~ /layers\/(stateless|carrying)\.hpp$/) {
        gsub(/namespace nn::detail/, "namespace nn")
    }
    if (/^\/\/\/ The calls of a (layer L that is made of layers|composite L whose)/) {
        $0 = "} namespace nn { " $0
    }
    if (match($0, /^ *\/\/\/ (Errors|Cost|Order|Source)  */)) {
        head = substr($0, 1, RLENGTH)
        rest = substr($0, RLENGTH + 1)
        word = head
        gsub(/[ \/]/, "", word)
        sub(/(Errors|Cost|Order|Source) *$/, "", head)
        $0 = head "- **" word "** " rest
    }
}
/^ *$/ {
    shared = ""
}
/^ *\/\/\/ ?/ {
    if (before !~ /^ *\/\/\//) {
        shared = ""
        match($0, /^ */)
        column = RLENGTH
    }
    text = $0
    sub(/^ *\/\/\/ ?/, "", text)
    shared = text ~ /^$|^ |^- / || shared == "none" ? "none" : shared (shared == "" ? "" : " ") text
}
# A declaration may begin with lines of template and requires: they wait for what they belong to.
/^ *(template <|requires\()/ && !/;/ && !/\) *{/ {
    waiting = waiting == "" ? $0 : waiting "\n" $0
    next
}
{
    comment = before ~ /^ *\/\/\// || /\/\/\/</ ? "" : tell(waiting, $0)
    if (/^concept / && comment == "" && before !~ /^\/\/\//) {
        waiting = "struct concept_" $2 " { int a; }; " waiting  # Doxygen says nothing of a concept without a comment, but of this
    }
    if (waiting != "") {
        print comment waiting
        waiting = ""
        print $0
    } else {
        print comment $0
    }
    before = $0
}
