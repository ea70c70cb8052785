"""Parts that two or more works share and that no paper of the catalog introduced.

Import from the files, so that a work depends on what it uses and no more.

    features    FeatureInfo: channels and strides of the maps an image network gives
    classifier  Classifier: features, pooling and a head that can be changed, named as timm does
    dense       relu_layer: a square linear map and a ReLU
    graph       normalized adjacency, spread, GraphConvolution and GCN (Kipf and Welling)
    norm        PreNorm: a residual branch behind a LayerNorm
    detect      MapHeads: a convolution a map, its answers in the order of the boxes
    decoder     ASPP: context around each pixel at several rates; resized
    convnet     small_convnet: four convolutions for small images
    lm          LanguageModel: causal, its parts replaceable, its stream readable; small_lm
    sound       causal convolutions that can be fed in chunks; mel bands and spectrograms
    message     gather: messages where edges end; copies, joined: many graphs side by side
"""
