package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.gpu.DeviceQueue;
import io.github.wandacuda.backend.gpu.GpuBackend;
import io.github.wandacuda.backend.gpu.KernelsOn;
import io.github.wandacuda.testing.Around;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The first OpenCL device as it is or with something changed; without a device the test is skipped.
 * Closing checks what is left.
 */
public final class FirstOpenCl {
  private FirstOpenCl() {}

  /** Opens it with the matrix kernels of processors. */
  public static Backend withVectors() {
    return open(
        AnyOpenCl.target(),
        KernelSources.packed(),
        device -> MatrixVariant.vectors(device.vectorWidth()));
  }

  /**
   * Opens it with the matrix kernels of processors for vector registers of another width.
   *
   * @param width floats of a register
   * @param largestBuffer bytes that it says it can allocate at once
   */
  public static Backend withVectors(int width, long largestBuffer) {
    return open(
        AnyOpenCl.target(),
        KernelSources.packed(),
        device -> MatrixVariant.vectors(width),
        largestBuffer);
  }

  /** Opens it with the matrix kernels of GPUs. */
  public static Backend withTiles() {
    return open(AnyOpenCl.target(), KernelSources.packed(), device -> MatrixVariant.TILES);
  }

  /**
   * Opens it with the matrix kernels of GPUs, as if its groups had no more work-items and local
   * memory than that.
   *
   * @param largestBuffer bytes that it says it can allocate at once
   * @param read takes the name of each kernel file that is read
   */
  public static Backend withGroups(
      int items, long localBytes, long largestBuffer, Consumer<String> read) {
    return open(
        limited(items, localBytes),
        file -> {
          read.accept(file);
          return KernelSources.packed().read(file);
        },
        device -> MatrixVariant.TILES,
        largestBuffer);
  }

  /**
   * Opens it with parts of a kernel file replaced.
   *
   * @param file whose name tells which matrix kernels are used: those of tiles, or of vectors of 8
   *     floats
   * @param changes what each part of it becomes; the file has to have it
   */
  public static Backend changed(String file, Map<String, String> changes) {
    return changed(AnyOpenCl.target().facts().localBytes(), file, changes);
  }

  /** Opens it so, as if its groups had no more local memory than that. */
  static Backend changed(long localBytes, String file, Map<String, String> changes) {
    return open(
        limited(AnyOpenCl.target().facts().workGroupSize(), localBytes),
        changedSources(file, changes),
        device -> file.endsWith("_tiles.cl") ? MatrixVariant.TILES : MatrixVariant.vectors(8));
  }

  static KernelSources changedSources(String changed, Map<String, String> changes) {
    String source = KernelSources.packed().read(changed);
    for (Map.Entry<String, String> change : changes.entrySet()) {
      assertThat(source).contains(change.getKey());
      source = source.replace(change.getKey(), change.getValue());
    }
    String result = source;
    return file -> file.equals(changed) ? result : KernelSources.packed().read(file);
  }

  private static Backend open(
      OpenClTarget target, KernelSources sources, Function<OpenClDevice, MatrixVariant> variant) {
    return open(target, sources, variant, Long.MAX_VALUE);
  }

  private static Backend open(
      OpenClTarget target,
      KernelSources sources,
      Function<OpenClDevice, MatrixVariant> variant,
      long largestBuffer) {
    OpenClDevice device = OpenClDevice.open(target, sources);
    GpuBackend backend =
        new GpuBackend(
            KernelsOn.of(device, () -> queue(device, variant.apply(device)), largestBuffer), 2);
    return Around.of(
        Backend.class,
        backend,
        new Object() {
          public void close() {
            backend.close();
            assertThat(device.memory().freeBytes()).isEqualTo(device.facts().globalBytes());
          }
        });
  }

  private static DeviceQueue queue(OpenClDevice device, MatrixVariant variant) {
    OpenClQueue queue = device.queue();
    return KernelsOn.queue(queue, new OpenClForwardKernels(queue, variant));
  }

  /** Returns the device, which says that its groups have no more room. */
  static OpenClTarget limited(long items, long localBytes) {
    OpenClTarget target = AnyOpenCl.target();
    DeviceFacts facts = Facts.with(target.facts(), "workGroupSize", items);
    return new OpenClTarget(
        target.platform(), target.device(), Facts.with(facts, "localBytes", localBytes));
  }
}
