package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.Elementwise;
import java.util.Arrays;
import java.util.Locale;

/**
 * The table of kernels that go over a matrix in one of three ways, the same with every driver:
 * which file, which kernel, over what, and its arguments.
 */
public abstract class RegularKernels implements GpuForwardKernels {
  /** What of a matrix a thread or work-item takes. */
  public enum Shape {
    /** Any elements; the kernel's last argument is their number. */
    ELEMENTS,

    /** Any columns of a row; the kernel's last arguments are the sizes. */
    COLUMNS,

    /** A row, together with others; the kernel's last arguments are the sizes. */
    ROWS
  }

  /**
   * A kernel that is to go over a matrix.
   *
   * @param file its file, without an ending
   * @param name its name, without the variant
   * @param macro what the variant is called where a kernel is compiled for it; null for no variants
   * @param variant for which type or function
   * @param shape how it goes over the matrix
   * @param over the matrix
   * @param arguments all but the sizes
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
  public record Launch(
      String file,
      String name,
      String macro,
      String variant,
      Shape shape,
      DeviceRows over,
      Object... arguments) {
    static Launch of(String file, String name, Shape shape, DeviceRows over, Object... arguments) {
      return new Launch(file, name, null, null, shape, over, arguments);
    }

    static Launch of(DType dtype, String name, Shape shape, DeviceRows over, Object... arguments) {
      return new Launch(name, name, "WEIGHT_", dtype.name(), shape, over, arguments);
    }

    static Launch of(Activation kind, String name, DeviceRows over, Object... arguments) {
      String function = kind.name().toLowerCase(Locale.ROOT);
      return new Launch("activate", name, "ACTIVATION=", function, Shape.ELEMENTS, over, arguments);
    }

    /** Returns the name of a kernel that is there for each variant. */
    public String function() {
      return macro == null ? name : name + '_' + variant.toLowerCase(Locale.ROOT);
    }

    /** Returns the option with which the kernel is compiled for the variant. */
    public String option() {
      return macro == null ? "" : "-D " + macro + variant;
    }

    /** Returns the number of elements. */
    public long elements() {
      return (long) over.rows() * over.columns();
    }

    /** Returns all arguments. */
    public Object[] with(Object... sizes) {
      Object[] all = Arrays.copyOf(arguments, arguments.length + sizes.length);
      System.arraycopy(sizes, 0, all, arguments.length, sizes.length);
      return all;
    }
  }

  /** Queues a kernel; there are elements. */
  protected abstract void launch(Launch kernel);

  private void queue(Launch kernel) {
    if (kernel.elements() > 0) {
      launch(kernel);
    }
  }

  @Override
  public final void embed(DeviceRows table, DevicePointer tokens, DeviceRows out) {
    queue(
        Launch.of(
            table.dtype(),
            "embed",
            Shape.COLUMNS,
            out,
            table.data(),
            table.stride(),
            tokens,
            out.data()));
  }

  @Override
  public final void rmsNorm(DeviceRows x, DevicePointer gain, float epsilon, DeviceRows out) {
    queue(Launch.of("rms_norm", "rms_norm", Shape.ROWS, x, x.data(), gain, epsilon, out.data()));
  }

  @Override
  public final void layerNorm(
      DeviceRows x, DevicePointer gain, DevicePointer bias, float epsilon, DeviceRows out) {
    queue(
        Launch.of(
            "layer_norm", "layer_norm", Shape.ROWS, x, x.data(), gain, bias, epsilon, out.data()));
  }

  @Override
  public final void elementwise(Elementwise operation, DeviceRows x, DeviceRows y, DeviceRows out) {
    queue(
        switch (operation) {
          case Activation kind -> Launch.of(kind, "activate", out, x.data(), out.data());
          case Elementwise.Gate gate ->
              Launch.of(gate.activation(), "gate", out, x.data(), y.data(), out.data());
          case Elementwise.Add add -> elementwise("add", x.data(), y.data(), out);
          case Elementwise.Scale scale -> elementwise("scale", x.data(), scale.factor(), out);
          case Elementwise.Softcap softcap -> elementwise("softcap", x.data(), softcap.cap(), out);
        });
  }

  private static Launch elementwise(String name, DevicePointer x, Object other, DeviceRows out) {
    return Launch.of("elementwise", name, Shape.ELEMENTS, out, x, other, out.data());
  }

  @Override
  public final void gatherColumns(
      DeviceRows source, int offset, int width, int stride, DeviceRows out) {
    queue(
        Launch.of(
            "gather_columns",
            "gather_columns",
            Shape.COLUMNS,
            out,
            source.data(),
            source.columns(),
            offset,
            width,
            stride,
            out.data()));
  }

  @Override
  public final void gatherRows(DeviceRows x, DevicePointer rows, DeviceRows out) {
    queue(Launch.of("expert_rows", "gather_rows", Shape.COLUMNS, out, x.data(), rows, out.data()));
  }

  @Override
  public final void addRows(
      DeviceRows x, DevicePointer rows, DevicePointer factors, DeviceRows out) {
    queue(
        Launch.of(
            "expert_rows", "add_rows", Shape.COLUMNS, x, x.data(), rows, factors, out.data()));
  }
}
