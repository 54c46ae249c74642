package io.github.wandacuda.simd;

import io.github.wandacuda.testing.RedefinedCpu;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.constant.ClassDesc;
import jdk.incubator.vector.VectorShape;

/**
 * Loads the vector kernels as they would be on a machine with another vector width. Their shape is
 * a constant of {@link Lanes}; this loader defines their packages anew with a {@code Lanes} in
 * which that constant differs. Shapes that the processor lacks work too: the Vector API then
 * computes them in plain Java.
 */
public final class ShapedKernels extends RedefinedCpu {
  private static final String ROOT = "io.github.wandacuda.";
  private static final ClassDesc SHAPE = ClassDesc.of(VectorShape.class.getName());

  private final VectorShape shape;

  private ShapedKernels(VectorShape shape) {
    this.shape = shape;
  }

  /**
   * Returns an instance of a class in one of the vector kernels' packages, created by its
   * constructor without parameters.
   *
   * @param type an interface outside these packages that the class implements
   * @param className the class's name, its package counted from the program's on
   * @param shape the vector shape that it is to use
   */
  public static <T> T load(Class<T> type, String className, VectorShape shape) {
    try {
      Class<?> loaded = new ShapedKernels(shape).loadClass(ROOT + className);
      var constructor = loaded.getDeclaredConstructor();
      constructor.setAccessible(true);
      return type.cast(constructor.newInstance());
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(className, e);
    }
  }

  @Override
  protected boolean redefines(String name) {
    return name.startsWith(ROOT + "simd.") || name.startsWith(ROOT + "backend.cpu.");
  }

  @Override
  protected byte[] changed(String name, byte[] classFile) {
    return name.equals(Lanes.class.getName()) ? reshaped(classFile) : classFile;
  }

  private byte[] reshaped(byte[] bytes) {
    ClassFile classFile = ClassFile.of();
    return classFile.transformClass(
        classFile.parse(bytes),
        ClassTransform.transformingMethodBodies(
            (builder, element) -> {
              if (element instanceof InvokeInstruction call
                  && call.name().equalsString("preferredShape")) {
                builder.getstatic(SHAPE, shape.name(), SHAPE);
              } else {
                builder.with(element);
              }
            }));
  }
}
