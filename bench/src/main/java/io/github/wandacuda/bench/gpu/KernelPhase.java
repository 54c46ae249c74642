package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cuda.CudaAccess;
import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.backend.gpu.DeviceMemoryException;
import io.github.wandacuda.backend.gpu.DeviceQueue;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuBackend;
import io.github.wandacuda.backend.gpu.GpuDevice;
import io.github.wandacuda.backend.opencl.OpenClAccess;
import io.github.wandacuda.bench.common.Spread;
import io.github.wandacuda.bench.device.DeviceAccess;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.forward.Precision;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Times each kernel of a backend, against the device's own copy. */
final class KernelPhase implements Phase {
  private static final int MOST_ROTATIONS = 16;
  private static final int FILL_COLUMNS = 4096;

  private final PhaseOptions options;
  private final Shapes shapes;

  KernelPhase(PhaseOptions options) {
    this.options = options;
    this.shapes = options.shapes();
  }

  @Override
  public void run(PhaseResult result) {
    Optional<Backend> opened = SmokePhase.open(options.backend(), Precision.DEFAULT, result);
    if (opened.isPresent()) {
      try (var backend = (GpuBackend) opened.get()) {
        measureAll(backend.gpu(), result);
      }
    }
  }

  private void measureAll(GpuDevice device, PhaseResult result) {
    try (DeviceQueue queue = device.queue();
        DeviceAccess access = access(device, queue);
        DeviceBuffer from = device.memory().allocate(shapes.copyBytes());
        DeviceBuffer to = device.memory().allocate(shapes.copyBytes())) {
      access.facts().forEach(result::fact);
      fill(device, queue, from);
      Alternation alternation =
          new Alternation(
              queue,
              new Alternation.Copies(queue, from, to),
              shapes.batchSeconds(),
              shapes.repetitions());
      List<KernelCase> cases = cases(access);
      cases.removeIf(one -> result.kept(one.label().row()).isPresent());
      for (KernelCase one : cases) {
        if (options.deadline().left() < 0) {
          result.missing(one.label().row(), "the phase's time was over");
          result.left("the phase's time was over");
        } else {
          measure(device, queue, alternation, one, result);
        }
      }
    }
  }

  /** Memory that was never written may be cheaper to read, and so may zeros. */
  private static void fill(GpuDevice device, DeviceQueue queue, DeviceBuffer buffer) {
    try (Workbench bench = new Workbench(device, queue, 1)) {
      int rows = Math.toIntExact(buffer.bytes() / Float.BYTES / FILL_COLUMNS);
      bench
          .rows(DType.F32, rows, FILL_COLUMNS, WeightKind.NORMAL, 1)
          .fill(queue, new DeviceRows(buffer.at(0), DType.F32, rows, FILL_COLUMNS, FILL_COLUMNS));
    }
  }

  private static DeviceAccess access(GpuDevice device, DeviceQueue queue) {
    return switch (device.backend()) {
      case "cuda" -> new CudaAccess(queue);
      case "opencl" -> new OpenClAccess(queue);
      default -> throw new IllegalArgumentException(device.backend());
    };
  }

  private List<KernelCase> cases(DeviceAccess access) {
    List<KernelCase> cases = new ArrayList<>(SelectCases.of(shapes));
    cases.addAll(ForwardCases.of(shapes));
    cases.addAll(
        LinearCases.of(shapes.of("linear"), List.of(DType.BF16, DType.F16, DType.F32), access));
    // What stands beside packed weights.
    cases.addAll(LinearCases.of(shapes.of("packed"), List.of(DType.BF16), access));
    cases.addAll(SparseCases.of(shapes));
    cases.addAll(HistogramCases.of(shapes));
    return cases;
  }

  private void measure(
      GpuDevice device,
      DeviceQueue queue,
      Alternation alternation,
      KernelCase one,
      PhaseResult result) {
    long fitting = device.memory().freeBytes() / 2 / one.deviceBytes();
    if (fitting < 1) {
      result.missing(
          one.label().row(),
          "%d bytes of device memory are free, twice %d are needed"
              .formatted(device.memory().freeBytes(), one.deviceBytes()));
      return;
    }
    long wanted = Math.ceilDiv(shapes.rotatedBytes(), one.deviceBytes()) + 1;
    int rotations = (int) Math.min(Math.min(fitting, wanted), MOST_ROTATIONS);
    result.starts(
        one.label().row().values().toString(), why -> result.wrong(one.label().row(), why));
    try (Workbench bench = new Workbench(device, queue, rotations)) {
      KernelCase.Prepared prepared = one.preparation().prepare(bench);
      prepared.launch().accept(0);
      queue.finish();
      prepared.check().run();
      result.row(row(one, alternation.measure(prepared.launch(), rotations, one.bytes())));
    } catch (DeviceMemoryException e) {
      result.missing(one.label().row(), e.getMessage());
    } catch (IllegalStateException e) {
      result.wrong(one.label().row(), "wrong result: " + e.getMessage());
    } catch (BackendUnavailableException e) {
      result.wrong(one.label().row(), e.getMessage());
      // The device may be lost, but not to the next process.
      result.left(e.getMessage());
      throw e;
    }
  }

  private static Map<String, Object> row(KernelCase one, Alternation.Measured measured) {
    Map<String, Object> row = one.label().row();
    Spread seconds = measured.seconds();
    row.put("milliseconds", scaled(seconds, 1e3).map());
    row.put("launches", measured.launches());
    row.put("bytes", one.bytes());
    row.put("copy_gigabytes_per_second", scaled(measured.copyRate(), 1e-9).map());
    if (one.flops() > 0) {
      row.put("flops", one.flops());
      row.put("gigaflops_per_second", one.flops() / seconds.median() / 1e9);
    } else {
      row.put("gigabytes_per_second", one.bytes() / seconds.median() / 1e9);
      row.put("fraction_of_copy", measured.ratio().map());
    }
    return row;
  }

  private static Spread scaled(Spread spread, double factor) {
    return new Spread(spread.median() * factor, spread.least() * factor, spread.most() * factor);
  }
}
