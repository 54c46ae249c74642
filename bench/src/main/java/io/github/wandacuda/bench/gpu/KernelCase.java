package io.github.wandacuda.bench.gpu;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntConsumer;

/**
 * A kernel at one size.
 *
 * @param label what it is, in the words that the Python side uses too
 * @param bytes that it has to read and write at least
 * @param flops that it does, or 0 where memory is what bounds it
 * @param deviceBytes that one rotation holds on the device
 * @param preparation makes its data
 */
record KernelCase(Label label, long bytes, long flops, long deviceBytes, Preparation preparation) {

  /**
   * The name of a measurement.
   *
   * @param kernel what runs
   * @param shape its sizes, joined by x
   * @param dtype of the weights, or of what it reads
   * @param data how that is distributed
   */
  record Label(String kernel, String shape, String dtype, String data) {
    Map<String, Object> row() {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("kernel", kernel);
      row.put("shape", shape);
      row.put("dtype", dtype);
      row.put("data", data);
      return row;
    }
  }

  /** Makes data on the device. */
  @FunctionalInterface
  interface Preparation {
    Prepared prepare(Workbench bench);
  }

  /**
   * A kernel with its data.
   *
   * @param launch queues it once; the number says which rotation's data it takes
   * @param check run after a launch of rotation 0 is done; throws if the result is wrong
   */
  record Prepared(IntConsumer launch, Runnable check) {}

  /** Throws unless a result is near what it should be. */
  static void expect(String what, double expected, double found, double tolerance) {
    if (!(Math.abs(found - expected) <= tolerance)) {
      throw new IllegalStateException("%s: expected %s, found %s".formatted(what, expected, found));
    }
  }
}
