package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.device.CudaFunction;
import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.GpuSelectKernels;
import io.github.wandacuda.device.KernelNames;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;

/**
 * Launches the kernels of selection. A kernel that takes more than one statement to launch has a
 * class of its name; the others are launched here.
 */
final class CudaSelectKernels implements GpuSelectKernels {
  private final CudaQueue queue;

  CudaSelectKernels(CudaQueue queue) {
    this.queue = queue;
  }

  @Override
  public void select(
      DeviceRows source,
      DevicePointer norms,
      SelectionRule rule,
      DeviceRows destination,
      DevicePointer mask,
      DevicePointer report) {
    CudaSelection selection = new CudaSelection(queue, source, norms, destination, mask, report);
    if (rule instanceof LowestPerRow row) {
      CudaSelectRows.launch(selection, row.count());
    } else if (rule instanceof LowestPerGroup group) {
      CudaSelectGroups.launch(selection, group.pruned(), group.size());
    } else if (rule instanceof AtMost atMost) {
      CudaFunction function = selection.function("select_threshold", "select_threshold");
      int threads = CudaSelection.vectorThreads(source);
      selection.launch(function, threads, 0, atMost.threshold());
    }
  }

  @Override
  public void countUpper(DeviceRows source, DevicePointer counts) {
    CudaMagnitudes.countUpper(queue, source, counts);
  }

  @Override
  public void countLower(DeviceRows source, int upper, DevicePointer counts) {
    CudaMagnitudes.countLower(queue, source, upper, counts);
  }

  @Override
  public void inspect(DeviceRows source, DevicePointer report) {
    CudaSelection.checkRows(source);
    queue.launch(
        queue.device().function("inspect_rows", KernelNames.of("inspect_rows", source.dtype())),
        LaunchShape.blocks(source.rows()),
        CudaSelection.vectorThreads(source),
        0,
        source.data(),
        source.columns(),
        source.stride(),
        report);
  }
}
