// UTF-8, which the engine has no interface for: `encodeURIComponent` and `decodeURIComponent` know it.
class Utf8Encoder {
    get encoding() {
        return "utf-8";
    }

    encode(text = "") {
        // A half of a surrogate pair, which has no UTF-8, becomes the replacement character.
        const escaped = encodeURIComponent(String(text).toWellFormed());
        const bytes = [];
        for (let at = 0; at < escaped.length; at += 1) {
            if (escaped[at] === "%") {
                bytes.push(Number.parseInt(escaped.slice(at + 1, at + 3), 16));
                at += 2;
            } else {
                bytes.push(escaped.charCodeAt(at));
            }
        }
        return new Uint8Array(bytes);
    }
}

/** The length of the sequence that a byte begins, and the least number that it may stand for. */
function sequence(first) {
    if (first < 0x80) return [1, 0];
    if (first >= 0xc2 && first < 0xe0) return [2, 0x80];
    if (first >= 0xe0 && first < 0xf0) return [3, 0x800];
    if (first >= 0xf0 && first < 0xf5) return [4, 0x10000];
    return [0, 0];
}

class Utf8Decoder {
    constructor(label = "utf-8", options = {}) {
        if (!/^utf-?8$/i.test(label)) throw new RangeError(`the encoding ${label} is not supported`);
        this.fatal = options.fatal === true;
    }

    get encoding() {
        return "utf-8";
    }

    decode(input = new Uint8Array()) {
        const bytes = ArrayBuffer.isView(input) ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength) : new Uint8Array(input);
        let text = "";
        let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
        while (at < bytes.length) {
            const [length, least] = sequence(bytes[at]);
            let number = length === 1 ? bytes[at] : bytes[at] & (0x7f >> length);
            let read = 1;
            while (read < length && (bytes[at + read] & 0xc0) === 0x80) {
                number = number * 64 + (bytes[at + read] & 0x3f);
                read += 1;
            }
            const isSurrogate = number >= 0xd800 && number < 0xe000;
            if (length === 0 || read < length || number < least || number > 0x10ffff || isSurrogate) {
                if (this.fatal) throw new TypeError(`byte ${at} is not UTF-8`);
                text += "\ufffd";
                at += length === 0 ? 1 : read;
            } else {
                text += String.fromCodePoint(number);
                at += length;
            }
        }
        return text;
    }
}

globalThis.TextEncoder ??= Utf8Encoder;
globalThis.TextDecoder ??= Utf8Decoder;
