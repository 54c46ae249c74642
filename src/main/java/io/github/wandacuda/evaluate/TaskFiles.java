package io.github.wandacuda.evaluate;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;

/**
 * Finds the files of tasks below a folder, by the names that they have on the Hugging Face hub, in
 * its cache and as JSON lines, however deep they were put.
 *
 * @param data the folder
 * @param all its files, those in fewer folders first, then by their paths
 */
record TaskFiles(Path data, List<Path> all) {
  /** How many levels of folders are searched; the hub's cache has six above a file. */
  private static final int DEEPEST = 8;

  private static final Pattern SHARD = Pattern.compile("(.+)-(\\d{5})-of-(\\d{5})\\.parquet");

  /**
   * Where a task's files usually lie.
   *
   * @param origin the dataset on the hub, for messages
   * @param split the split of which documents are taken
   * @param folders names of a folder above the files, in small letters, the best one first
   * @param without names of folders whose files are others
   * @param lines names of files of JSON lines, in small letters
   */
  record Usual(
      String origin,
      String split,
      List<String> folders,
      List<String> without,
      List<String> lines) {}

  /**
   * Lists a folder. What can't be read in it is passed over.
   *
   * @throws InputException if it isn't there or is a file
   */
  static TaskFiles below(Path data) {
    if (!Files.isDirectory(data)) {
      throw ErrorDetails.file(data)
          .wrong("a folder with the files of tasks", Files.exists(data) ? "a file" : "nothing");
    }
    List<Path> files = new ArrayList<>();
    try {
      Files.walkFileTree(
          data,
          EnumSet.of(FileVisitOption.FOLLOW_LINKS),
          DEEPEST,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
              files.add(file);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException e) {
              return FileVisitResult.CONTINUE; // A folder that can't be read may not be needed.
            }
          });
    } catch (IOException e) {
      throw InputException.unreadable(data, e);
    }
    files.sort(Comparator.comparing(Path::getNameCount).thenComparing(Path::toString));
    return new TaskFiles(data, files);
  }

  /**
   * Returns the files of a task's split: shards in their order, or one file of JSON lines.
   *
   * @param task its name, by which a file may be called too
   * @return at least one
   * @throws InputException if there are none, or a shard is missing; the message says where they
   *     come from
   */
  List<Path> of(String task, Usual usual) {
    for (String folder : usual.folders()) {
      List<Path> inFolder =
          all.stream()
              .filter(file -> isIn(file, Set.of(folder)))
              .filter(file -> !isIn(file, Set.copyOf(usual.without())))
              .toList();
      List<Path> found = first(inFolder, task, usual);
      if (!found.isEmpty()) {
        return found;
      }
    }
    throw missing(task, usual);
  }

  private List<Path> first(List<Path> files, String task, Usual usual) {
    for (Path file : files) {
      if (isSplit(file, usual.split()) || name(file).equals(task + ".parquet")) {
        return shards(file, task, usual);
      }
    }
    return files.stream()
        .filter(
            file ->
                usual.lines().contains(name(file))
                    || name(file).equals(usual.split() + ".jsonl")
                    || name(file).equals(task + ".jsonl"))
        .limit(1)
        .toList();
  }

  /**
   * Returns all files of a split, those of all configurations of a dataset.
   *
   * @param folder the name of a folder above them, in small letters
   * @return perhaps none
   */
  List<Path> all(String folder, String split) {
    return all.stream()
        .filter(file -> isIn(file, Set.of(folder)))
        .filter(file -> isSplit(file, split) || name(file).equals(split + ".jsonl"))
        .toList();
  }

  /**
   * Returns the failure of a task without files, which says how they are called and where they come
   * from.
   */
  InputException missing(String task, Usual usual) {
    return ErrorDetails.part(data, "task " + task)
        .hint("it comes from the dataset %s on the Hugging Face hub".formatted(usual.origin()))
        .wrong(
            "%s/%s-00000-of-00001.parquet or %s/%s"
                .formatted(
                    usual.folders().getFirst(),
                    usual.split(),
                    usual.folders().getFirst(),
                    usual.lines().getFirst()),
            "neither");
  }

  /**
   * Returns the name of a file's configuration of a dataset, which is that of the folder above it,
   * or above its split's folder.
   */
  static String configuration(Path file) {
    Path folder = file.toAbsolutePath().getParent();
    String name = folder.getFileName().toString();
    boolean split = Set.of("test", "dev", "validation").contains(name);
    return split ? folder.getParent().getFileName().toString() : name;
  }

  private List<Path> shards(Path file, String task, Usual usual) {
    Matcher shard = SHARD.matcher(file.getFileName().toString());
    if (!shard.matches()) {
      Path folder = file.getParent();
      return all.stream()
          .filter(
              other ->
                  other.equals(file)
                      || (isConverted(other, usual.split()) && other.getParent().equals(folder)))
          .toList();
    }
    int count = Integer.parseInt(shard.group(3));
    List<Path> shards =
        IntStream.range(0, count)
            .mapToObj(
                index ->
                    file.resolveSibling(
                        "%s-%05d-of-%05d.parquet".formatted(shard.group(1), index, count)))
            .toList();
    for (Path one : shards) {
      if (!Files.exists(one)) {
        throw ErrorDetails.part(one, "task " + task)
            .hint("it comes from the dataset %s on the Hugging Face hub".formatted(usual.origin()))
            .wrong("one of %d files".formatted(count), "nothing");
      }
    }
    return shards;
  }

  private static boolean isSplit(Path file, String split) {
    String name = name(file);
    Matcher shard = SHARD.matcher(name);
    return name.equals(split + ".parquet")
        || (shard.matches() && shard.group(1).equals(split))
        || isConverted(file, split);
  }

  /** Returns whether a file is one of the hub's own conversion: {@code validation/0000.parquet}. */
  private static boolean isConverted(Path file, String split) {
    return name(file).matches("\\d{4}\\.parquet")
        && file.toAbsolutePath().getParent().getFileName().toString().equals(split);
  }

  private static String name(Path file) {
    return file.getFileName().toString().toLowerCase(Locale.ROOT);
  }

  /**
   * Returns whether a file lies in one of some folders, the given one or below it. In the hub's
   * cache the folder of a dataset is called {@code datasets--owner--name}.
   */
  private boolean isIn(Path file, Set<String> folders) {
    Path absolute = data.toAbsolutePath().normalize();
    Path inside =
        absolute.getFileName() == null
            ? data.relativize(file)
            : absolute.getFileName().resolve(data.relativize(file));
    return StreamSupport.stream(inside.spliterator(), false)
        .map(part -> part.toString().toLowerCase(Locale.ROOT))
        .anyMatch(part -> folders.stream().anyMatch(folder -> isNamed(part, folder)));
  }

  private static boolean isNamed(String part, String folder) {
    return part.equals(folder)
        || part.endsWith("--" + folder)
        || part.equals(folder + ".parquet")
        || part.matches(Pattern.quote(folder) + "([-_](val|test))?\\.jsonl");
  }
}
