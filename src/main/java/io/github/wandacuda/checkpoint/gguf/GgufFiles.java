package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * The files of a model in GGUF: one, or the parts of a split one, named {@code
 * PREFIX-00001-of-0000N.gguf} and so on. The first part has the model's keys, each part some of its
 * tensors.
 */
final class GgufFiles implements AutoCloseable {
  private static final Pattern PART = Pattern.compile("(.*)-(\\d{5})-of-(\\d{5})\\.gguf");
  private static final String ENDING = ".gguf";

  /** A part's number, counted from 0. */
  static final String NUMBER = "split.no";

  /** How many parts there are. */
  static final String COUNT = "split.count";

  /** How many tensors all parts have together. */
  static final String TENSORS = "split.tensors.count";

  private static final int MOST_PARTS = 99_999;

  private final List<GgufFile> parts;
  private final Map<String, Stored> tensors = new LinkedHashMap<>();

  /** A tensor and the file that holds it. */
  record Stored(GgufFile file, GgufTensor tensor) {
    String name() {
      return tensor.name();
    }

    void read(long offset, MemorySegment destination) {
      file.read(tensor, offset, destination);
    }
  }

  private GgufFiles(List<GgufFile> parts) {
    this.parts = parts;
    for (GgufFile part : parts) {
      for (GgufTensor tensor : part.header().tensors()) {
        Stored other = tensors.put(tensor.name(), new Stored(part, tensor));
        if (other != null) {
          throw ErrorDetails.tensor(part.path(), tensor.name())
              .wrong(
                  "a tensor of one part",
                  "it in %s too".formatted(Printable.of(other.file.path().getFileName())));
        }
      }
    }
  }

  /**
   * Opens a model's files.
   *
   * @param path the only file, or the first part
   * @throws InputException if one is missing or broken, or the parts contradict each other
   */
  static GgufFiles open(Path path) {
    List<GgufFile> parts = new ArrayList<>();
    return OnFailure.close(
        () -> parts.forEach(GgufFile::close),
        () -> {
          parts.add(GgufFile.open(path));
          long count = whole(parts.getFirst(), COUNT).orElse(1);
          if (count > 1) {
            openOthers(path, count, parts);
          }
          GgufFiles files = new GgufFiles(parts);
          if (count > 1) {
            files.requireAll();
          }
          return files;
        });
  }

  private static void openOthers(Path path, long count, List<GgufFile> parts) {
    Matcher name = PART.matcher(path.getFileName().toString());
    if (!name.matches() || count > MOST_PARTS || Long.parseLong(name.group(3)) != count) {
      throw ErrorDetails.file(path)
          .wrong(
              "a name that ends in -00001-of-%05d.gguf, as it has that many parts".formatted(count),
              path.getFileName().toString());
    }
    long number = whole(parts.getFirst(), NUMBER).orElse(-1);
    if (number != 0 || Long.parseLong(name.group(2)) != 1) {
      throw ErrorDetails.file(path)
          .hint("name the first part")
          .wrong("part 1 of %d".formatted(count), "part %d".formatted(number + 1));
    }
    for (int part = 2; part <= count; part++) {
      Path file = part(path, name.group(1), part, count);
      GgufFile other = GgufFile.open(file);
      parts.add(other);
      long told = whole(other, NUMBER).orElse(-1);
      long all = whole(other, COUNT).orElse(-1);
      if (told != part - 1 || all != count) {
        throw ErrorDetails.file(file)
            .wrong(
                "part %d of %d".formatted(part, count),
                told < 0 || all < 0
                    ? "a file that is no part"
                    : "part %d of %d".formatted(told + 1, all));
      }
    }
  }

  private static Path part(Path beside, String prefix, int number, long count) {
    return beside.resolveSibling("%s-%05d-of-%05d.gguf".formatted(prefix, number, count));
  }

  /**
   * Returns the names of the files that a model is written to.
   *
   * @param file of one that is a single file
   * @param count how many files there are
   */
  static List<Path> names(Path file, int count) {
    String name = file.getFileName().toString();
    String prefix =
        name.endsWith(ENDING) ? name.substring(0, name.length() - ENDING.length()) : name;
    return count == 1
        ? List.of(file)
        : IntStream.rangeClosed(1, count).mapToObj(n -> part(file, prefix, n, count)).toList();
  }

  /** Returns the name that a model would have as a single file, by its own or its first part's. */
  static Path single(Path file) {
    Matcher name = PART.matcher(file.getFileName().toString());
    return name.matches() ? file.resolveSibling(name.group(1) + ENDING) : file;
  }

  private void requireAll() {
    OptionalLong told = whole(parts.getFirst(), TENSORS);
    if (told.isEmpty() || told.getAsLong() != tensors.size()) {
      throw ErrorDetails.part(parts.getFirst().path(), "key " + TENSORS)
          .wrong(
              "%d, as many as the parts have".formatted(tensors.size()),
              told.isEmpty() ? "nothing" : String.valueOf(told.getAsLong()));
    }
  }

  private static OptionalLong whole(GgufFile file, String key) {
    GgufValue value = file.header().keys().get(key);
    if (value == null) {
      return OptionalLong.empty();
    }
    if (value.number().isEmpty()) {
      throw ErrorDetails.part(file.path(), "key " + key).wrong("a whole number", value.what());
    }
    return value.number();
  }

  /** Returns the only file, or the first part. */
  Path path() {
    return parts.getFirst().path();
  }

  /** Returns the bytes of the largest file. */
  long largest() {
    return parts.stream().mapToLong(GgufFile::length).max().orElseThrow();
  }

  /** Returns the bytes of all files together. */
  long bytes() {
    return parts.stream().mapToLong(GgufFile::length).sum();
  }

  /** Returns the model's keys. */
  Map<String, GgufValue> keys() {
    return parts.getFirst().header().keys();
  }

  /** Returns the tensors of all parts by their names, in the files' order. */
  Map<String, Stored> tensors() {
    return tensors;
  }

  Optional<Stored> find(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  @Override
  public void close() {
    parts.forEach(GgufFile::close);
  }
}
