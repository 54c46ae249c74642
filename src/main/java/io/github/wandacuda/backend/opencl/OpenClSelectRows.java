package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.LocalMemory;
import io.github.wandacuda.device.OpenClKernel;

/** Launches {@code select_rows.cl}, with rows in local memory if they fit. */
final class OpenClSelectRows {
  private OpenClSelectRows() {}

  /**
   * Queues the selection of the {@code count} lowest scores of each row.
   *
   * @param localBytes bytes of local memory that a group may have
   */
  static void launch(OpenClSelection selection, int count, long localBytes) {
    DeviceRows source = selection.source();
    int octets = OpenClSelection.octets(source);
    OpenClKernel holding = selection.kernel("select_rows", " -D HELD");
    long held = (long) octets * OpenClSelection.OCTET * source.dtype().bytes();
    if (holding.localBytes() + held <= localBytes) {
      selection.launch(holding, octets, count, new LocalMemory(held));
    } else {
      selection.launch(selection.kernel("select_rows", ""), octets, count);
    }
  }
}
