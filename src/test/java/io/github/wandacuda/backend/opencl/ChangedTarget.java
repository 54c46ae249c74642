package io.github.wandacuda.backend.opencl;

/** Devices that say something else of themselves than they do. */
public final class ChangedTarget {
  private ChangedTarget() {}

  /** Returns a device that says that it is a GPU. */
  static OpenClTarget asGpu(OpenClTarget target) {
    DeviceFacts facts = target.facts();
    return changed(target, true, facts.workGroupSize(), facts.localBytes());
  }

  /** Returns a GPU whose groups have no more work-items and local memory than that. */
  public static OpenClTarget withGroups(OpenClTarget target, long items, long localBytes) {
    return changed(target, true, items, localBytes);
  }

  private static OpenClTarget changed(
      OpenClTarget target, boolean gpu, long items, long localBytes) {
    DeviceFacts facts = target.facts();
    return new OpenClTarget(
        target.platform(),
        target.device(),
        new DeviceFacts(
            facts.name(),
            facts.platform(),
            facts.platformVersion(),
            facts.version(),
            facts.driver(),
            gpu,
            facts.available(),
            facts.littleEndian(),
            facts.compiler(),
            facts.addressBits(),
            facts.floatConfig(),
            items,
            localBytes,
            facts.globalBytes(),
            facts.largestBuffer(),
            facts.computeUnits()));
  }
}
