// Compiles the parts of Asio that are not templates, once for all users.
#include <boost/asio/impl/src.hpp>
