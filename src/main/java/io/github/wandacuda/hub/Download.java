package io.github.wandacuda.hub;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.hub.HubListing.HubFile;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.system.SpaceCheck;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Brings files of the Hub into the cache that Hugging Face's tools share, or into a folder. Several
 * files arrive at once; one that was begun is gone on with, and each gets its name when its digest
 * is what the Hub says.
 */
public final class Download {
  private static final int AT_ONCE = 4;

  private final HubSettings settings;
  private final DownloadRequest request;

  private final DownloadFolder folder;

  public Download(HubSettings settings, DownloadRequest request) {
    this.settings = settings;
    this.request = request;
    folder =
        request
            .output()
            .map(at -> new DownloadFolder(at, at.resolve(".cache").resolve("wanda-cuda")))
            .orElseGet(
                () -> new DownloadFolder(settings.cache().root(), repository().resolve("blobs")));
  }

  /**
   * What has arrived.
   *
   * @param path the snapshot in the cache, or the folder
   * @param revision the commit
   * @param bytes of all files, those that were there before included
   */
  public record Result(Path path, String revision, long files, long bytes) {}

  private Path repository() {
    return settings.cache().repository(request.dataset(), request.name());
  }

  /**
   * Fetches what isn't there.
   *
   * @throws InputException if the Hub has no such files or doesn't give them, or they aren't what
   *     it says
   * @throws OutputException if there is no room or no right to write, or something else has the
   *     name of a file or folder that is to be written
   * @throws io.github.wandacuda.error.ConnectionException if the Hub can't be reached
   */
  public Result run(Progress progress) {
    try (HubConnection hub = HubConnection.of(settings, request)) {
      HubListing listing = HubListing.of(request, hub);
      requireSome(listing.files());
      Path path =
          request
              .output()
              .orElseGet(() -> repository().resolve("snapshots").resolve(listing.commit()));
      folder.create(folder.blobs());
      folder.requirePlaces(path, listing.files());
      reference(listing).ifPresent(folder::requirePlace);
      try (FileChannel lock = DownloadFolder.open(folder.lock())) {
        if (!AtomicWrite.tryLock(lock)) {
          throw new UsageException("another download of %s is at work".formatted(request.label()));
        }
        fetch(listing, hub, progress);
        place(listing, path);
        return new Result(
            path,
            listing.commit(),
            listing.files().size(),
            listing.files().stream().mapToLong(HubFile::size).sum());
      } catch (IOException e) {
        throw OutputException.unwritable(folder.blobs(), e);
      }
    }
  }

  private void requireSome(List<HubFile> files) {
    boolean weights = files.stream().anyMatch(file -> file.path().endsWith(".safetensors"));
    boolean all = !request.dataset() && request.include().isEmpty();
    if (files.isEmpty() || (all && !weights)) {
      throw ErrorDetails.of(request.label())
          .wrong(
              all ? "weights as .safetensors" : "files that are asked for",
              "none (pickles are never fetched, GGUF and code where `include` names them)");
    }
  }

  /** Fetches the files that aren't there, each once, whatever names it has. */
  private void fetch(HubListing listing, HubConnection hub, Progress progress) {
    Map<String, PartialFile> files = new LinkedHashMap<>();
    CheckedBlobs checked = new CheckedBlobs(folder, request.output().isEmpty());
    for (HubFile file : listing.files()) {
      // Also where the content is on its way for another name: what has this one may be wrong.
      if (!isThere(file, checked) && !files.containsKey(file.hash())) {
        files.put(file.hash(), new PartialFile(file, folder));
      }
    }
    long missing = files.values().stream().mapToLong(PartialFile::missing).sum();
    SpaceCheck.requireDisk(folder.blobs(), missing);
    Arrivals arrivals =
        new Arrivals(
            progress,
            files.size(),
            files.values().stream().mapToLong(partial -> partial.file().size()).sum(),
            missing);
    List<Runnable> tasks = new ArrayList<>();
    for (PartialFile file : files.values()) {
      tasks.add(
          () -> {
            Path blob = folder.blob(file.file());
            file.fetch(hub, blob, arrivals::add);
            OutputException.writing(blob, () -> checked.add(file.file()));
            arrivals.done();
          });
    }
    run(tasks);
    checked.write();
  }

  /**
   * Returns whether a file need not be fetched. What another program or an earlier run left under
   * its name counts only if its content is the file's, which is read once.
   */
  private boolean isThere(HubFile file, CheckedBlobs checked) {
    Path blob = folder.blob(file);
    try {
      Optional<Path> placed = request.output().map(at -> at.resolve(file.path()));
      if (placed.isPresent() && Files.exists(placed.get(), LinkOption.NOFOLLOW_LINKS)) {
        if (!PartialFile.isWhole(file, placed.get())) {
          throw ErrorDetails.file(placed.get())
              .hint("take it away")
              .unwritable("no file, or the Hub's", "another one");
        }
        return true;
      }
      if (checked.has(file)) {
        return true;
      }
      boolean whole =
          Files.isRegularFile(blob, LinkOption.NOFOLLOW_LINKS)
              && Files.size(blob) == file.size()
              && PartialFile.isWhole(file, blob);
      if (whole) {
        checked.add(file);
      }
      return whole;
    } catch (IOException e) {
      throw OutputException.unwritable(blob, e);
    }
  }

  /** Runs tasks, a few at a time, until one fails. */
  private static void run(List<Runnable> tasks) {
    try (ExecutorService pool = Executors.newFixedThreadPool(AT_ONCE)) {
      var running = new ExecutorCompletionService<Void>(pool);
      tasks.forEach(task -> running.submit(task, null));
      try {
        for (int left = tasks.size(); left > 0; left--) {
          running.take().get();
        }
      } catch (InterruptedException e) {
        pool.shutdownNow();
        Thread.currentThread().interrupt();
        throw new CancelledException("cancelled; what has arrived is kept", e);
      } catch (ExecutionException e) {
        pool.shutdownNow();
        throw e.getCause() instanceof RuntimeException cause
            ? cause
            : new IllegalStateException(e.getCause());
      }
    }
  }

  /** Gives files that have arrived their places. */
  private void place(HubListing listing, Path path) {
    Map<String, Path> moved = new HashMap<>();
    for (HubFile file : listing.files()) {
      Path placed = path.resolve(file.path());
      Path blob = folder.blob(file);
      folder.create(placed.getParent());
      OutputException.writing(
          placed,
          () -> {
            if (request.output().isEmpty()) {
              link(placed, placed.getParent().relativize(blob));
            } else if (Files.exists(blob, LinkOption.NOFOLLOW_LINKS)) {
              AtomicWrite.moveOver(blob, placed);
              moved.put(file.hash(), placed);
            } else if (!Files.exists(placed)) {
              AtomicWrite.replace(placed, out -> Files.copy(moved.get(file.hash()), out));
            }
          });
    }
    OutputException.writing(path, () -> finish(listing));
  }

  private void finish(HubListing listing) throws IOException {
    if (request.output().isPresent()) {
      // Files that another revision had began here too.
      folder.removeOwn();
      return;
    }
    Files.deleteIfExists(folder.lock());
    Optional<Path> reference = reference(listing);
    if (reference.isPresent()) {
      folder.create(reference.get().getParent());
      byte[] commit = listing.commit().getBytes(StandardCharsets.US_ASCII);
      AtomicWrite.replace(reference.get(), out -> out.write(commit));
    }
  }

  /** Returns the cache's file that says which commit a branch or tag names; a commit has none. */
  private Optional<Path> reference(HubListing listing) {
    return request.output().isPresent() || request.revision().equals(listing.commit())
        ? Optional.empty()
        : Optional.of(repository().resolve("refs").resolve(request.revision()));
  }

  /** Makes a link, or where the system has none a copy. */
  private static void link(Path link, Path target) throws IOException {
    if (Files.isSymbolicLink(link) && Files.readSymbolicLink(link).equals(target)) {
      return;
    }
    Files.deleteIfExists(link);
    try {
      Files.createSymbolicLink(link, target);
    } catch (UnsupportedOperationException e) {
      Files.copy(link.resolveSibling(target), link, StandardCopyOption.COPY_ATTRIBUTES);
    }
  }

  /** Tells of bytes that arrive on any thread. */
  private static final class Arrivals {
    /** Bytes between two steps. */
    private static final long STEP = 1 << 20;

    private final Progress progress;
    private final int files;
    private final long all;
    private long there;
    private long told;
    private int done;

    Arrivals(Progress progress, int files, long all, long missing) {
      this.progress = progress;
      this.files = files;
      this.all = all;
      there = all - missing;
      progress.begin(share());
      progress.bytes(all);
    }

    private double share() {
      return all == 0 ? 1 : (double) there / all;
    }

    synchronized void add(long bytes) {
      there += bytes;
      if (there - told >= STEP) {
        told = there;
        tell();
      }
    }

    synchronized void done() {
      done++;
      tell();
    }

    /** All is done when the last file has its name, not when its last byte is there. */
    private void tell() {
      progress.step("file", done, files, done == files ? 1 : Math.min(share(), Math.nextDown(1.0)));
    }
  }
}
