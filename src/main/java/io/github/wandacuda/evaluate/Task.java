package io.github.wandacuda.evaluate;

import java.io.Serializable;
import java.nio.file.Path;
import java.util.List;

/**
 * A task with its documents.
 *
 * @param name by which results call it
 * @param normalized whether it has an accuracy whose scores are divided by the answers' lengths
 * @param documents its documents, in their files' order, at least one
 * @param files what they were read from; empty in a task that travelled
 * @param warning what is unusual about the files, or null
 */
public record Task(
    String name, boolean normalized, List<TaskDocument> documents, List<Path> files, String warning)
    implements Serializable {
  public Task {
    documents = List.copyOf(documents);
    files = List.copyOf(files);
  }

  /** Returns the same task without the paths of its files, which can't be serialized. */
  public Task withoutFiles() {
    return new Task(name, normalized, documents, List.of(), warning);
  }
}
