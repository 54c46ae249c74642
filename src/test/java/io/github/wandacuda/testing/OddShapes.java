package io.github.wandacuda.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Models in which chance has given some tensors other shapes: without elements, of odd sizes, or of
 * sizes that no memory holds. A shape that would take too many bytes gets a size of 0 beside the
 * large one, or a type that the format doesn't define, so that a small file can claim it.
 */
public final class OddShapes {
  private static final long[] SIZES = {
    0, 0, 0, 1, 2, 3, 7, 9, 33, Integer.MAX_VALUE, 1L << 31, 1L << 62, Long.MAX_VALUE
  };

  private static final List<String> TYPES =
      List.of("F32", "BF16", "F16", "F8_E4M3", "F8_E8M0", "U8", "I8", "I32", "I64", "F4");

  /** A type that the format doesn't define, of which a file may claim any number of bytes. */
  private static final String UNDEFINED = "X";

  private static final int MOST_CHANGES = 3;
  private static final int MOST_BYTES = 1 << 18;
  private static final Map<Path, Map<String, Sized>> READ = new ConcurrentHashMap<>();

  private final Chance chance;
  private final Map<String, Sized> tensors;
  private final List<String> changes = new ArrayList<>();

  /** Where choices come from: a random generator, or a fuzzer. */
  @FunctionalInterface
  public interface Chance {
    /** Returns a whole number from 0 on, below a bound. */
    int below(int bound);
  }

  private record Sized(String dtype, long[] shape, byte[] bytes) {
    @Override
    public String toString() {
      return dtype + Arrays.toString(shape);
    }
  }

  private OddShapes(Chance chance, Map<String, Sized> tensors) {
    this.chance = chance;
    this.tensors = tensors;
  }

  /**
   * Writes a changed copy of a model.
   *
   * @return what was changed, for messages
   */
  public static String write(Path model, Chance chance, Path directory) throws IOException {
    OddShapes shapes =
        new OddShapes(
            chance, new LinkedHashMap<>(READ.computeIfAbsent(model, OddShapes::tensorsOf)));
    int count = 1 + chance.below(MOST_CHANGES);
    for (int change = 0; change < count; change++) {
      shapes.change();
    }
    Files.createDirectories(directory);
    for (String file : TestData.names(model)) {
      if (file.endsWith(".json") && !file.endsWith(".index.json")) {
        Files.copy(model.resolve(file), directory.resolve(file));
      }
    }
    SafetensorsBytes file = new SafetensorsBytes();
    shapes.tensors.forEach(
        (name, tensor) -> file.raw(name, tensor.dtype, tensor.bytes, tensor.shape));
    file.write(directory.resolve("model.safetensors"));
    return String.join(", ", shapes.changes);
  }

  private static Map<String, Sized> tensorsOf(Path model) {
    try {
      Map<String, Sized> tensors = new LinkedHashMap<>();
      EditedModel.of(model)
          .tensors()
          .forEach(
              (name, tensor) ->
                  tensors.put(
                      name,
                      new Sized(
                          tensor.dtype(),
                          Arrays.stream(tensor.shape()).asLongStream().toArray(),
                          tensor.bytes())));
      return tensors;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void change() {
    List<String> names =
        tensors.keySet().stream().filter(name -> name.matches(".*\\.\\d+\\..*")).toList();
    String name = names.get(chance.below(names.size()));
    String module = name.substring(0, name.lastIndexOf('.') + 1);
    long size = SIZES[chance.below(SIZES.length)];
    int dimension = chance.below(3);
    switch (chance.below(8)) {
      case 0, 1 -> put(name, sized(tensors.get(name), dimension, size));
      case 2, 3 -> {
        for (String part : names) {
          if (part.startsWith(module)) {
            put(part, sized(tensors.get(part), dimension, size));
          }
        }
      }
      case 4 -> {
        // A size that several tensors have in common is another one in all of them.
        long[] shape = tensors.get(name).shape;
        long common = shape.length == 0 ? 1 : shape[dimension % shape.length];
        for (String part : names) {
          Sized tensor = tensors.get(part);
          long[] other =
              Arrays.stream(tensor.shape).map(each -> each == common ? size : each).toArray();
          if (!Arrays.equals(other, tensor.shape)) {
            put(part, fitted(tensor.dtype, other, tensor.bytes));
          }
        }
      }
      case 5 -> {
        Sized tensor = tensors.get(name);
        put(
            name,
            fitted(TYPES.get(chance.below(TYPES.size())), tensor.shape.clone(), tensor.bytes));
      }
      case 6 -> {
        Sized tensor = tensors.get(name);
        long[] shape = Arrays.copyOf(tensor.shape, chance.below(tensor.shape.length + 2));
        Arrays.fill(shape, Math.min(shape.length, tensor.shape.length), shape.length, 1);
        put(name, fitted(tensor.dtype, shape, tensor.bytes));
      }
      default -> {
        tensors.remove(name);
        changes.add(name + " missing");
      }
    }
  }

  private void put(String name, Sized tensor) {
    tensors.put(name, tensor);
    if (changes.size() < 9) {
      changes.add(name + " " + tensor);
    }
  }

  private Sized sized(Sized tensor, int dimension, long size) {
    long[] shape = tensor.shape.clone();
    if (shape.length > 0) {
      shape[dimension % shape.length] = size;
    }
    return fitted(tensor.dtype, shape, tensor.bytes);
  }

  /** Returns a tensor of as many bytes as its shape and type take, as far as a small file may. */
  private Sized fitted(String dtype, long[] shape, byte[] bytes) {
    BigInteger elements =
        Arrays.stream(shape)
            .mapToObj(BigInteger::valueOf)
            .reduce(BigInteger.ONE, BigInteger::multiply);
    BigInteger size = elements.multiply(BigInteger.valueOf(bits(dtype))).shiftRight(3);
    if (size.compareTo(BigInteger.valueOf(MOST_BYTES)) <= 0) {
      return new Sized(dtype, shape, repeated(bytes, size.intValue()));
    }
    if (chance.below(4) == 0) {
      return new Sized(UNDEFINED, shape, new byte[chance.below(2)]);
    }
    long[] empty = shape.clone();
    int largest = 0;
    for (int dimension = 1; dimension < empty.length; dimension++) {
      largest = empty[dimension] > empty[largest] ? dimension : largest;
    }
    empty[empty.length == 1 ? 0 : (largest + 1) % empty.length] = 0;
    return new Sized(dtype, empty, new byte[0]);
  }

  private static int bits(String dtype) {
    return switch (dtype) {
      case "F4" -> 4;
      case "BF16", "F16" -> 16;
      case "F32", "I32" -> 32;
      case "I64" -> 64;
      default -> 8;
    };
  }

  private static byte[] repeated(byte[] bytes, int length) {
    byte[] repeated = new byte[length];
    for (int at = 0; at < length && bytes.length > 0; at++) {
      repeated[at] = bytes[at % bytes.length];
    }
    return repeated;
  }
}
