package io.github.wandacuda.hub;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.hub.HubListing.HubFile;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.Folders;
import io.github.wandacuda.job.SpaceCheck;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
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
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Brings files of the Hub into the cache that Hugging Face's tools share, or into a folder. Files
 * arrive in pieces, several side by side; one that was begun is gone on with, and each gets its
 * name when its digest is what the Hub says.
 */
public final class Download {
  private static final int AT_ONCE = 8;

  private final HubSettings settings;
  private final DownloadRequest request;

  /** Where files are that have arrived, by their hashes. */
  private final Path blobs;

  public Download(HubSettings settings, DownloadRequest request) {
    this.settings = settings;
    this.request = request;
    blobs =
        request
            .output()
            .map(folder -> folder.resolve(".cache").resolve("wanda-cuda"))
            .orElseGet(() -> repository().resolve("blobs"));
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
   * @throws OutputException if there is no room or no right to write
   * @throws io.github.wandacuda.error.ConnectionException if the Hub can't be reached
   */
  public Result run(Progress progress) {
    try (HubConnection hub = HubConnection.of(settings, request)) {
      HubListing listing = HubListing.of(request, hub);
      requireSome(listing.files());
      OutputException.writing(blobs, () -> Folders.create(blobs));
      try (FileChannel lock =
          FileChannel.open(lockFile(), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
        if (!AtomicWrite.tryLock(lock)) {
          throw new UsageException("another download of %s is at work".formatted(request.label()));
        }
        fetch(listing, hub, progress);
        Path path =
            request
                .output()
                .orElseGet(() -> repository().resolve("snapshots").resolve(listing.commit()));
        place(listing, path);
        return new Result(
            path,
            listing.commit(),
            listing.files().size(),
            listing.files().stream().mapToLong(HubFile::size).sum());
      } catch (IOException e) {
        throw OutputException.unwritable(blobs, e);
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
              "none (pickles and GGUF aren't fetched)");
    }
  }

  private Path lockFile() {
    return blobs.resolve(".wanda-cuda-lock");
  }

  /** Fetches the files that aren't there, each once, whatever names it has. */
  private void fetch(HubListing listing, HubConnection hub, Progress progress) {
    Map<String, PartialFile> files = new LinkedHashMap<>();
    try (DirectIo io = DirectIo.of(DirectIo.IoMode.AUTO)) {
      for (HubFile file : listing.files()) {
        if (!files.containsKey(file.hash()) && !isThere(file)) {
          files.put(file.hash(), new PartialFile(file, settings.piece(), blobs, io));
        }
      }
      long missing = files.values().stream().mapToLong(PartialFile::missing).sum();
      SpaceCheck.requireDisk(blobs, missing);
      Arrivals arrivals =
          new Arrivals(
              progress,
              files.size(),
              files.values().stream().mapToLong(partial -> partial.file().size()).sum(),
              missing);
      ThreadLocal<ByteBuffer> memory =
          ThreadLocal.withInitial(() -> ByteBuffer.allocateDirect(settings.piece()));
      List<Runnable> pieces = new ArrayList<>();
      for (PartialFile file : files.values()) {
        IntStream.range(0, file.pieces())
            .filter(piece -> !file.has(piece))
            .forEach(
                piece ->
                    pieces.add(
                        () -> {
                          if (file.fetch(piece, hub, memory.get(), arrivals::add)) {
                            complete(file, arrivals);
                          }
                        }));
        if (file.missing() == 0) {
          pieces.add(() -> complete(file, arrivals));
        }
      }
      run(pieces);
    } finally {
      files.values().forEach(PartialFile::close);
    }
  }

  private void complete(PartialFile file, Arrivals arrivals) {
    file.complete(blob(file.file()));
    arrivals.done();
  }

  private Path blob(HubFile file) {
    return blobs.resolve(file.hash());
  }

  private boolean isThere(HubFile file) {
    try {
      Optional<Path> placed = request.output().map(folder -> folder.resolve(file.path()));
      if (placed.isPresent() && Files.exists(placed.get(), LinkOption.NOFOLLOW_LINKS)) {
        if (!PartialFile.isWhole(file, placed.get())) {
          throw ErrorDetails.file(placed.get())
              .hint("take it away")
              .unwritable("no file, or the Hub's", "another one");
        }
        return true;
      }
      return Files.isRegularFile(blob(file)) && Files.size(blob(file)) == file.size();
    } catch (IOException e) {
      throw OutputException.unwritable(blob(file), e);
    }
  }

  /** Runs tasks side by side, until one fails. */
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
  private void place(HubListing listing, Path folder) {
    Map<String, Path> moved = new HashMap<>();
    for (HubFile file : listing.files()) {
      Path placed = folder.resolve(file.path());
      OutputException.writing(
          placed,
          () -> {
            Folders.create(placed.getParent());
            if (request.output().isEmpty()) {
              link(placed, placed.getParent().relativize(blob(file)));
            } else if (Files.exists(blob(file))) {
              AtomicWrite.moveOver(blob(file), placed);
              moved.put(file.hash(), placed);
            } else if (!Files.exists(placed)) {
              AtomicWrite.replace(placed, out -> Files.copy(moved.get(file.hash()), out));
            }
          });
    }
    OutputException.writing(folder, () -> finish(listing));
  }

  private void finish(HubListing listing) throws IOException {
    Files.deleteIfExists(lockFile());
    if (request.output().isPresent()) {
      // Files that another revision had began here too.
      try (Stream<Path> left = Files.list(blobs)) {
        for (Path file : left.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(blobs);
    } else if (!request.revision().equals(listing.commit())) {
      Path reference = repository().resolve("refs").resolve(request.revision());
      Folders.create(reference.getParent());
      byte[] commit = listing.commit().getBytes(StandardCharsets.US_ASCII);
      AtomicWrite.replace(reference, out -> out.write(commit));
    }
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
