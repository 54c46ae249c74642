package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.AtomicWrite;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * The files of a model's copy that its source doesn't have. Paths are relative to the copy, in
 * code-point order; links count as files, {@code .git} and {@code .cache} are passed over.
 *
 * @param loaded files that a program may load from the directory, or that an unfinished write has
 *     left: weights in any form, code, configs, tokenizers
 * @param others files that no program loads: notes, pictures, licences; at most 10,000
 */
public record ExtraFiles(List<Path> loaded, List<Path> others) {
  /** More than anybody reads in a message. */
  private static final int MOST = 10_000;

  private static final Pattern LOADED =
      Pattern.compile(
          ".*\\.(safetensors|json|py|pyc|so|jinja|model|spm|tiktoken|vocab)|(vocab|merges)\\.txt");

  public ExtraFiles {
    loaded = List.copyOf(loaded);
    others = List.copyOf(others);
  }

  /**
   * Finds the files that were added to a copy of a model.
   *
   * @param source the model's weights, whose shards the copy has too
   * @param sideFiles what was copied beside them
   * @param copy the directory that holds the copy
   * @throws InputException if a folder can't be read
   */
  public static ExtraFiles of(Checkpoint source, SideFiles sideFiles, Path copy) {
    Set<Path> known = sideFiles.withShards(source);
    known.add(Path.of(SideFiles.MANIFEST));
    List<Path> loaded = new ArrayList<>();
    List<Path> others = new ArrayList<>();
    visitUnknown(copy, known, file -> addUpToMost(file, isLoaded(file) ? loaded : others));
    return new ExtraFiles(SideFiles.sorted(loaded), SideFiles.sorted(others));
  }

  /** Each kind has its own bound, so that many files of one don't hide those of the other. */
  private static void addUpToMost(Path file, List<Path> kind) {
    if (kind.size() < MOST) {
      kind.add(file);
    }
  }

  private static boolean isLoaded(Path file) {
    String name = file.getFileName().toString();
    return AtomicWrite.isTemporary(file)
        || SideFiles.areOtherWeights(file)
        || LOADED.matcher(name.toLowerCase(Locale.ROOT)).matches();
  }

  private static void visitUnknown(Path directory, Set<Path> known, Consumer<Path> visitor) {
    try {
      Files.walkFileTree(
          directory,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
              boolean skipped =
                  !folder.equals(directory)
                      && SideFileVisitor.SKIPPED_FOLDERS.contains(folder.getFileName().toString());
              return skipped ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
              Path relative = directory.relativize(file);
              if (!known.contains(relative)) {
                visitor.accept(relative);
              }
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      throw InputException.unreadable(directory, "a model directory", e);
    }
  }
}
