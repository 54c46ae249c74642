package io.github.wandacuda.calibrate.statistics;

/**
 * The format that llama.cpp's imatrix wrote before GGUF: the number of weights; for each its name,
 * its number of calls, and by column the mean square times the calls; the number of chunks.
 *
 * @param in the file
 */
record LegacyImatrix(LittleEndianFile in) {

  Statistics read() {
    Imatrix imatrix = new Imatrix(in.file());
    int weights = Imatrix.requireFew(in.file(), in.count("weights", 3 * Integer.BYTES));
    for (int index = 0; index < weights; index++) {
      String name = in.text(in.count("a name's bytes", 1));
      int calls = in.readInt();
      float[] sums = in.floats(in.count("values", Float.BYTES));
      if (calls < 1) {
        throw imatrix.problem(name, "1 call or more", Integer.toString(calls));
      }
      imatrix.add(name, sums, 1.0 / calls);
    }
    return imatrix.statistics(in.left() >= Integer.BYTES ? in.readInt() : 0, 0);
  }
}
