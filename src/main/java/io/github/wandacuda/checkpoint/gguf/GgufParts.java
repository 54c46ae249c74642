package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.error.ErrorDetails;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The files that a smaller model is written to: one, or the parts of a split one, as llama.cpp's
 * splitter makes them. Each part has some of the tensors; the first has the model's keys too.
 *
 * @param copies what each file has, the first part first
 */
public record GgufParts(List<GgufCopy> copies) {
  /** As many as the key counts. */
  private static final int MOST = 65_535;

  public GgufParts {
    copies = List.copyOf(copies);
  }

  /**
   * Lays a smaller model's files out.
   *
   * @param most how many bytes of tensors, padding included, a file has at most that has more than
   *     one tensor
   * @throws io.github.wandacuda.error.UsageException if they would be more files than a key counts
   */
  public static GgufParts of(GgufRemoval smaller, long most) {
    return new GgufParts(
        smaller(smaller, begins(smaller, most)).stream().map(GgufCopy::new).toList());
  }

  /** Returns the numbers of the tensors with which files begin. */
  private static List<Integer> begins(GgufRemoval smaller, long most) {
    List<Integer> begins = new ArrayList<>(List.of(0));
    long filled = 0;
    for (int index = 0; index < smaller.slices().size(); index++) {
      long bytes =
          GgufHeader.padded(smaller.slices().get(index).bytes(), GgufHeader.DEFAULT_ALIGNMENT);
      if (filled > 0 && filled + bytes > most) {
        begins.add(index);
        filled = 0;
      }
      filled += bytes;
    }
    if (begins.size() > MOST) {
      throw ErrorDetails.of("`shard_size`")
          .refused("one that gives at most %d files".formatted(MOST), begins.size());
    }
    return begins;
  }

  /** Returns each file as a model of its own. */
  static List<GgufRemoval> smaller(GgufRemoval whole, List<Integer> begins) {
    if (begins.size() == 1) {
      return List.of(whole);
    }
    List<GgufRemoval> parts = new ArrayList<>();
    int tensors = whole.slices().size();
    for (int part = 0; part < begins.size(); part++) {
      Map<String, GgufValue> keys = new LinkedHashMap<>(part == 0 ? whole.keys() : Map.of());
      keys.put(GgufFiles.NUMBER, GgufValue.u16(part));
      keys.put(GgufFiles.TENSORS, GgufValue.i32(tensors));
      keys.put(GgufFiles.COUNT, GgufValue.u16(begins.size()));
      int end = part + 1 < begins.size() ? begins.get(part + 1) : tensors;
      parts.add(
          new GgufRemoval(whole.source(), keys, whole.slices().subList(begins.get(part), end)));
    }
    return parts;
  }

  /** Returns the bytes of all files together. */
  public long bytes() {
    return copies.stream().mapToLong(GgufCopy::bytes).sum();
  }

  /**
   * Returns the files' names, the first part's first.
   *
   * @param file the name of a single file; those of parts end in {@code -00001-of-0000N.gguf}
   */
  public List<Path> files(Path file) {
    return GgufFiles.names(file, copies.size());
  }

  /** Returns the name that a model has as a single file, of that file or a part of a split one. */
  public static Path single(Path file) {
    return GgufFiles.single(file);
  }

  /**
   * Compares files with what was to be written.
   *
   * @param files as {@link #files} has them
   * @return what differs first, or nothing
   * @throws io.github.wandacuda.error.InputException if one isn't there or is no GGUF file
   */
  public Optional<ErrorDetails> firstDifference(List<Path> files) {
    for (int part = 0; part < copies.size(); part++) {
      Optional<ErrorDetails> wrong = copies.get(part).firstDifference(files.get(part));
      if (wrong.isPresent()) {
        return wrong;
      }
    }
    return Optional.empty();
  }
}
