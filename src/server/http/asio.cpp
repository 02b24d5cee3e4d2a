// The compiled parts of Boost.Asio and Boost.Beast, once for the whole program: every other file only sees
// declarations.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
