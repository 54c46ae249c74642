package io.github.wandacuda.backend.opencl;

import org.jocl.CL;

/** What made-up devices say about themselves. */
final class Facts {
  private static final String VERSION = "OpenCL 1.2 made up";

  private Facts() {}

  /** A GPU that can be used. */
  static DeviceFacts good() {
    return withDriver("1");
  }

  static DeviceFacts withDriver(String driver) {
    return facts(VERSION, driver, true, true, true, 64, CL.CL_FP_DENORM, 256, true);
  }

  static DeviceFacts noGpu() {
    return facts(VERSION, "1", true, true, true, 64, CL.CL_FP_DENORM, 256, false);
  }

  static DeviceFacts unavailable() {
    return facts(VERSION, "1", false, true, true, 64, CL.CL_FP_DENORM, 256, true);
  }

  static DeviceFacts withVersion(String version) {
    return facts(version, "1", true, true, true, 64, CL.CL_FP_DENORM, 256, true);
  }

  static DeviceFacts bigEndian() {
    return facts(VERSION, "1", true, false, true, 64, CL.CL_FP_DENORM, 256, true);
  }

  static DeviceFacts withoutCompiler() {
    return facts(VERSION, "1", true, true, false, 64, CL.CL_FP_DENORM, 256, true);
  }

  static DeviceFacts narrow() {
    return facts(VERSION, "1", true, true, true, 32, CL.CL_FP_DENORM, 256, true);
  }

  static DeviceFacts flushing() {
    return facts(VERSION, "1", true, true, true, 64, CL.CL_FP_FMA, 256, true);
  }

  static DeviceFacts withGroups(long items) {
    return facts(VERSION, "1", true, true, true, 64, CL.CL_FP_DENORM, items, true);
  }

  static DeviceFacts withoutLocalMemory() {
    return facts(VERSION, "1", true, true, true, 64, CL.CL_FP_DENORM, 256, true, 1 << 10);
  }

  private static DeviceFacts facts(
      String version,
      String driver,
      boolean available,
      boolean littleEndian,
      boolean compiler,
      int addressBits,
      long floatConfig,
      long workGroup,
      boolean gpu) {
    return facts(
        version,
        driver,
        available,
        littleEndian,
        compiler,
        addressBits,
        floatConfig,
        workGroup,
        gpu,
        32 << 10);
  }

  private static DeviceFacts facts(
      String version,
      String driver,
      boolean available,
      boolean littleEndian,
      boolean compiler,
      int addressBits,
      long floatConfig,
      long workGroup,
      boolean gpu,
      long localBytes) {
    return new DeviceFacts(
        "Card",
        "Maker",
        "1.2",
        version,
        driver,
        gpu,
        available,
        littleEndian,
        compiler,
        addressBits,
        floatConfig,
        workGroup,
        localBytes,
        3L << 30,
        1L << 30,
        20);
  }
}
