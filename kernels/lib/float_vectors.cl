// Vectors of WIDTH floats, 4, 8 or 16: as long as a vector register of a processor. With PANEL, two of them side by
// side, a multiply-add has two that don't wait for each other for each value that is spread over a vector.
#define PANEL (2 * WIDTH)
#define JOIN(a, b) a##b
#define OF_WIDTH(name, width) JOIN(name, width)
#define vector OF_WIDTH(float, WIDTH)
#define whole_vector OF_WIDTH(int, WIDTH)
#define load OF_WIDTH(vload, WIDTH)
#define store OF_WIDTH(vstore, WIDTH)
