package io.github.wandacuda.pruning;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.HeapBudget;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.system.OnFailure;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * A file of MaskLLM's masks, see {@link MaskFile}. How long an array is follows from its module's
 * shape, and no more than that is ever read of one, whatever the archive says.
 */
final class NpzMasks implements ModuleMasks {
  private static final String ENDING = MaskFile.SUFFIX + ".npy";
  private static final String CHANGED = "it was cut or changed: copy or download it again";

  private static final int LONGEST_ARRAY = Integer.MAX_VALUE - 8;

  private final Path path;
  private final ZipFile zip;
  private final Map<String, ZipEntry> byModule = new HashMap<>();

  private NpzMasks(Path path, ZipFile zip) {
    this.path = path;
    this.zip = zip;
  }

  /** Opens a file, a regular one, and checks the headers of all arrays. */
  static NpzMasks open(Path path, Collection<LinearModule> modules) {
    return InputFile.reading(path, () -> opened(path, modules));
  }

  private static NpzMasks opened(Path path, Collection<LinearModule> modules) {
    try {
      NpzMasks masks = new NpzMasks(path, new ZipFile(path.toFile()));
      OnFailure.run(masks::close, () -> masks.check(modules));
      return masks;
    } catch (IOException e) {
      throw ErrorDetails.file(path)
          .hint(CHANGED)
          .wrong(
              "a zip archive of NumPy arrays", "that it can't be read: " + Printable.reason(e), e);
    }
  }

  private void check(Collection<LinearModule> modules) {
    Map<String, LinearModule> byEntry =
        modules.stream()
            .collect(
                Collectors.toMap(module -> module.tensor().name() + ENDING, Function.identity()));
    for (ZipEntry entry : Collections.list(zip.entries())) {
      LinearModule module = byEntry.get(entry.getName());
      if (module == null) {
        throw ErrorDetails.tensor(path, entry.getName())
            .hint("the masks were made for another model")
            .wrong("<weight>%s of a linear module".formatted(ENDING), "none such");
      }
      if (byModule.put(module.name(), entry) != null) {
        throw problem(module, "one entry", "a second one");
      }
      try (InputStream in = zip.getInputStream(entry)) {
        checkHeader(module, in);
      } catch (IOException e) {
        throw unreadable(module, e);
      }
    }
  }

  private void checkHeader(LinearModule module, InputStream in) throws IOException {
    NpyHeader header = NpyHeader.read(in, place(module));
    if (header.isPickled()) {
      throw place(module)
          .hint("reading them means running code from the file, which is never done")
          .wrong("bytes ('|u1')", "pickled Python objects (%s)".formatted(descr(header)));
    }
    long bytes = flatBytes(module);
    if (!header.isBytes(bytes)) {
      throw problem(
          module,
          "'|u1' (%d,) for %d x %d weights".formatted(bytes, module.rows(), module.columns()),
          "%s %s".formatted(descr(header), Printable.of(header.shape())));
    }
  }

  private static String descr(NpyHeader header) {
    return Printable.of(header.descr());
  }

  private static long flatBytes(LinearModule module) {
    return Math.ceilDiv(module.elements(), Byte.SIZE);
  }

  @Override
  public void require(Collection<LinearModule> modules) {
    modules.forEach(this::entry);
  }

  private ZipEntry entry(LinearModule module) {
    ZipEntry entry = byModule.get(module.name());
    if (entry == null) {
      throw problem(module, "a mask of the weight", "none");
    }
    return entry;
  }

  @Override
  public void read(LinearModule module, MemorySegment mask) {
    ZipEntry entry = entry(module);
    HeapBudget.require(place(module), flatBytes(module), 2);
    if (flatBytes(module) > LONGEST_ARRAY) {
      throw problem(
          module, "at most %d bytes".formatted(LONGEST_ARRAY), Long.toString(flatBytes(module)));
    }
    byte[] flat;
    try (CheckedInputStream in = new CheckedInputStream(zip.getInputStream(entry), new CRC32())) {
      checkHeader(module, in);
      flat = in.readNBytes((int) flatBytes(module));
      boolean more = in.read() >= 0;
      if (flat.length < flatBytes(module) || more) {
        throw problem(
            module,
            "%d bytes of data".formatted(flatBytes(module)),
            more ? "more" : Integer.toString(flat.length));
      }
      if (in.getChecksum().getValue() != entry.getCrc()) {
        throw problem(
            module,
            "data of CRC-32 %08x".formatted(entry.getCrc()),
            "%08x".formatted(in.getChecksum().getValue()));
      }
    } catch (IOException e) {
      throw unreadable(module, e);
    }
    checkPadding(module, flat);
    PackedMasks.unpackFlat(flat, module, mask);
  }

  private void checkPadding(LinearModule module, byte[] flat) {
    int used = (int) (module.elements() % Byte.SIZE);
    if (used != 0 && (flat[flat.length - 1] << used & 0xff) != 0) {
      throw problem(module, "zeros after the last weight's bit", "a bit that is set");
    }
  }

  private ErrorDetails place(LinearModule module) {
    return ErrorDetails.file(path).tensor(module.tensor().name() + MaskFile.SUFFIX);
  }

  private InputException problem(LinearModule module, String expected, String found) {
    return place(module).wrong(expected, found);
  }

  private InputException unreadable(LinearModule module, IOException e) {
    return place(module)
        .hint(CHANGED)
        .wrong("compressed data", "that it can't be read: " + Printable.reason(e), e);
  }

  @Override
  public void close() {
    try {
      zip.close();
    } catch (IOException e) {
      throw InputException.unreadable(path, "to close it", e);
    }
  }

  /**
   * What a file of NumPy's {@code .npy} format begins with: a magic number, a version, and the text
   * of a Python dictionary. What is there is told as it is spelled; nothing is evaluated.
   *
   * @param descr the element type, such as {@code '|u1'}, with its quotes
   * @param shape the dimensions, such as {@code (2048,)}
   */
  private record NpyHeader(String descr, String shape) {
    private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};

    /** Far more than the header of any array without fields, and what NumPy itself takes. */
    private static final int LONGEST = 10_000;

    private static final Pattern DESCR =
        Pattern.compile("['\"]descr['\"]\\s*:\\s*('[^']*'|[^,}]*)");
    private static final Pattern SHAPE = Pattern.compile("['\"]shape['\"]\\s*:\\s*(\\([^)]*\\))");

    /** Reads a header, up to the first byte of the data; or says what there is instead. */
    static NpyHeader read(InputStream stream, ErrorDetails place) throws IOException {
      DataInputStream in = new DataInputStream(stream);
      try {
        if (!Arrays.equals(in.readNBytes(MAGIC.length), MAGIC)) {
          throw wrong(place, "another start");
        }
        int major = in.readUnsignedByte();
        in.readUnsignedByte();
        if (major < 1 || major > 3) {
          throw wrong(place, "version " + major);
        }
        int length = in.readUnsignedByte() | in.readUnsignedByte() << 8;
        if (major > 1) {
          length |= in.readUnsignedByte() << 16 | in.readUnsignedByte() << 24;
        }
        if (length < 0 || length > LONGEST) {
          throw wrong(place, "a header of %s bytes".formatted(Integer.toUnsignedString(length)));
        }
        byte[] text = new byte[length];
        in.readFully(text);
        return parse(new String(text, StandardCharsets.UTF_8), place);
      } catch (EOFException e) {
        throw wrong(place, "its end within the header");
      }
    }

    private static InputException wrong(ErrorDetails place, String found) {
      return place.wrong("a NumPy array", found);
    }

    private static NpyHeader parse(String text, ErrorDetails place) {
      Matcher descr = DESCR.matcher(text);
      Matcher shape = SHAPE.matcher(text);
      if (!descr.find() || !shape.find()) {
        throw wrong(place, "a header without descr and shape");
      }
      return new NpyHeader(descr.group(1).strip(), shape.group(1).replace(" ", ""));
    }

    /** Returns whether the elements are Python objects, which only running code could read. */
    boolean isPickled() {
      return descr.contains("O");
    }

    /** Returns whether it is a vector of so many unsigned bytes. */
    boolean isBytes(long count) {
      return descr.matches("'[|<>=]?u1'") && shape.equals("(%d,)".formatted(count));
    }
  }
}
